#!/usr/bin/env bash
# torchvision's KeyPoints disagree among themselves where a pixel is. Their flips count pixels (column x of W becomes W - 1 - x), so
# a pixel's middle is a whole number; rotation and resizing count edges (x becomes W - x, and x times the factor), so its middle is
# half a pixel further. Whichever a click follows, one of the two moves it off its object: as whole numbers it is one pixel aside
# after a quarter turn, and (factor - 1) / 2 pixels after resizing; as middles it is one pixel aside after a flip. Images and masks
# are turned and flipped rightly. Turning by 180 degrees and flipping twice give the same image and different points.
#
# Who augments an image with clicks on small objects meets it. Draw clicks into a mask and augment that, or keep to flips with
# whole numbers.
#
# Seen with torchvision 0.29.1, torch 2.14.1, numpy 2.4.6 on Python 3.11. Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    torch==2.14.1 torchvision==0.29.1 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

SIDE, COL, ROW = 64, 10.0, 20.0
image = torch.zeros(1, SIDE, SIDE)
image[0, int(ROW), int(COL)] = 1


def middle(found):
    """(col, row) of what is bright, in whole numbers for pixels."""
    weights = found[0].numpy()
    rows, cols = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return np.array([(weights * cols).sum(), (weights * rows).sum()]) / weights.sum()


def point(offset):
    corner = torch.tensor([[COL + offset, ROW + offset]])
    return tv_tensors.KeyPoints(corner, canvas_size=(SIDE, SIDE))


changes = {
    "flip": F.horizontal_flip,
    "quarter turn": lambda each: F.rotate(each, 90),
    "half turn": lambda each: F.rotate(each, 180),
    "two flips": lambda each: F.vertical_flip(F.horizontal_flip(each)),
    "four times the size": lambda each: F.resize(each, [4 * SIDE, 4 * SIDE]),
}
far = {}
for name, change in changes.items():
    there = middle(change(image))
    for convention, offset in (("pixels", 0.0), ("edges", 0.5)):
        found = change(point(offset))[0].numpy() - offset
        far[name, convention] = float(np.abs(found - there).max())
    as_pixels, as_edges = far[name, "pixels"], far[name, "edges"]
    print(f"{name}: off by {as_pixels:.2f} px as pixels, {as_edges:.2f} px as edges")
expected = {
    "flip": (0, 1),
    "quarter turn": (1, 0),
    "half turn": (1, 0),
    "two flips": (0, 1),
    "four times the size": (1.5, 0),
}
for name, (pixels, edges) in expected.items():
    assert abs(far[name, "pixels"] - pixels) < 0.01, name
    assert abs(far[name, "edges"] - edges) < 0.01, name
assert torch.equal(changes["half turn"](image), changes["two flips"](image))
PYTHON
echo "as described"
