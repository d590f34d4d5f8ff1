#!/usr/bin/env bash
# supervision fills polygons with OpenCV, which takes corners for the middles of pixels and fills the pixels below the
# line: a polygon along the edges of 5 x 3 pixels, as COCO and labelme count, becomes 6 x 4, and one pixel becomes four.
# pycocotools fills the same polygons to 15 pixels and one. Every mask of a COCO file that supervision loads is a pixel
# too wide and too high, which shifts areas and IoU of small objects.
#
# Seen with supervision 0.31.2, pycocotools 2.0.11 on Python 3.11.
#
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check supervision==0.31.2 pycocotools==2.0.11
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import supervision
from pycocotools import mask as coco_mask

found = {}
for name, corners in (
    ("5 x 3 pixels", [[2, 3], [7, 3], [7, 6], [2, 6]]),
    ("one pixel", [[2, 3], [3, 3], [3, 4], [2, 4]]),
):
    theirs = int(supervision.polygon_to_mask(np.array(corners), (20, 20)).sum())
    flat = [value for corner in corners for value in corner]
    coco = int(coco_mask.decode(coco_mask.frPyObjects([flat], 20, 20)).sum())
    print(f"{name}: supervision fills {theirs}, pycocotools {coco}")
    found[name] = (theirs, coco)
assert found == {"5 x 3 pixels": (24, 15), "one pixel": (4, 1)}
PYTHON
echo "as described"
