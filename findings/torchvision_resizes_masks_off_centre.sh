#!/usr/bin/env bash
# One v2.Resize of torchvision moves a mask against its image. It makes the image smaller by its pixels' centres, but takes for
# each pixel of the mask the corner of its block: at a quarter of the size labels lie 1.2 px of the original down and right, at an
# eighth 2.6 px; a disc of 80 px and its own mask then agree with IoU .950 and .890. Pillow's "nearest", through the same class on
# a PIL mask, takes the middle (.981, .988). A mask follows interpolation=NEAREST_EXACT and is in place, but then the
# image is sampled in the same way, without smoothing: no single Resize gives a smooth image with its mask in place.
#
# Who makes a VOC folder smaller, or trains another network next to Seminar's masks, meets it: resize masks on their own, with
# NEAREST_EXACT or Pillow.
#
# Seen with torchvision 0.29.1, torch 2.14.1, Pillow 13.0.0, numpy 2.4.6 on Python 3.11. Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    torch==2.14.1 torchvision==0.29.1 pillow==13.0.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

rows, cols = np.mgrid[:256, :256]
disc = ((rows - 127.5) ** 2 + (cols - 127.5) ** 2 < 40**2).astype(np.uint8)
image = tv_tensors.Image(torch.from_numpy(np.repeat(255 * disc[None], 3, axis=0)))
mask = tv_tensors.Mask(torch.from_numpy(disc))


def agreement(one, other):
    return (one & other).sum() / (one | other).sum()


def off_centre(found, factor):
    """In pixels of the original."""
    return float(((np.argwhere(found).mean(axis=0) + 0.5) * factor - 0.5 - 127.5).mean())


for factor, shift, both, with_pillow in ((4, 1.15, 0.950, 0.981), (8, 2.61, 0.890, 0.988)):
    side = 256 // factor
    small, labels = v2.Resize(side)(image, mask)
    bright, labels = small[0].numpy() > 127, labels.numpy() > 0
    nearest = v2.Resize(side, interpolation=v2.InterpolationMode.NEAREST)
    pillow = np.asarray(nearest(Image.fromarray(disc))) > 0
    print(
        f"1/{factor} of the size: image {off_centre(bright, factor):+.2f} px, mask "
        f"{off_centre(labels, factor):+.2f} px, IoU {agreement(bright, labels):.3f}; "
        f"Pillow's mask {off_centre(pillow, factor):+.2f} px, IoU {agreement(bright, pillow):.3f}"
    )
    assert abs(off_centre(bright, factor)) < 0.01
    assert abs(off_centre(labels, factor) - shift) < 0.01
    assert abs(agreement(bright, labels) - both) < 0.001
    assert abs(agreement(bright, pillow) - with_pillow) < 0.001

    exact = v2.Resize(side, interpolation=v2.InterpolationMode.NEAREST_EXACT)
    small, labels = exact(image, mask)
    print(
        f"  NEAREST_EXACT: mask {off_centre(labels.numpy() > 0, factor):+.2f} px, "
        f"{len(np.unique(small.numpy()))} brightnesses in the image (smooth: "
        f"{len(np.unique(v2.Resize(side)(image).numpy()))})"
    )
    assert np.array_equal(labels.numpy(), (small[0].numpy() > 0).astype(np.uint8))
    assert len(np.unique(small.numpy())) == 2
PYTHON
echo "as described"
