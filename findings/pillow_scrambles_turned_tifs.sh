#!/usr/bin/env bash
# Pillow scrambles an uncompressed tif whose orientation tag says that rows are columns (5 to 8, as of a photo taken
# upright): the raw pixels are decoded with width and height exchanged, and then turned. There is no error, and the picture
# still has the right values, only in other places. LZW, deflate and PackBits, which go through libtiff, are read right.
#
# Pillow 10.4.0 reads it right; 11.0.0, which reports the turned size before loading (its pull request 8390), does not, nor
# does 13.0.0. Image.open and Image.save with the tag round-trip through it in Pillow alone; whatever reads tifs by Pillow
# (torchvision's datasets, imageio's Pillow plugin) is affected. tifffile reads the pixels as stored.
#
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check numpy==2.4.6
for version in 10.4.0 11.0.0 13.0.0; do
    "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pillow==$version
    "$folder/venv/bin/python" - "$folder/a.tif" <<'PYTHON'
import sys

import numpy as np
import PIL
from PIL import Image

path, pixels = sys.argv[1], np.arange(12, dtype=np.uint8).reshape(3, 4)
shown = {5: pixels.T, 6: np.rot90(pixels, -1), 7: np.rot90(pixels, 2).T, 8: np.rot90(pixels)}
is_broken = int(PIL.__version__.split(".")[0]) >= 11
for compression in (None, "tiff_lzw"):
    for orientation, expected in shown.items():
        Image.fromarray(pixels).save(path, tiffinfo={274: orientation}, compression=compression)
        with Image.open(path) as image:
            found = np.asarray(image)
        is_right = np.array_equal(found, expected)
        if orientation == 6:
            print(f"Pillow {PIL.__version__}, {compression or 'uncompressed'}, orientation 6: {found.tolist()}", end=" ")
            print("as it should be" if is_right else f"instead of {expected.tolist()}")
        assert is_right != (is_broken and compression is None)
        assert sorted(found.ravel()) == sorted(pixels.ravel())
PYTHON
done
echo "as described"
