"""The orientation that a camera notes in a picture (EXIF), by which viewers turn it.

Readers differ (tried with the versions named, on a picture of 3 x 4 pixels noted as to be turned by
90 degrees):

| reader | jpg, png | tif |
|---|---|---|
| Pillow 13.0 | as stored, unless `ImageOps.exif_transpose` is called | turned |
| tifffile 2026.3 | – | as stored |
| imageio 2.38, scikit-image 0.26, and so napari 0.9 | as stored | as stored |
| web browsers, labelme, the viewers of Windows, macOS and GNOME | turned | – |

We turn jpg and png, because masks and clicks are drawn on what viewers show, and leave a tif as it
is stored, because that is how the programs for microscopy show it.
"""

from __future__ import annotations

import contextlib
import struct

import numpy as np
from PIL import ExifTags
from PIL import Image as PillowImage

from seminar.io.intensities import ImageArray

UPRIGHT = 1

_DAMAGE = (
    struct.error,
    KeyError,
    SyntaxError,
    TypeError,
    ValueError,
    OSError,
    ArithmeticError,
    UserWarning,  # where warnings are errors
)
"""What Pillow raises on a damaged note, which counts as none."""


def noted_orientation(image: PillowImage.Image) -> int:
    """EXIF's number, 1 to 8, from what stands before the pixels; 1 where there is none."""
    with contextlib.suppress(*_DAMAGE):
        # of the base class: that of PNG would decode the whole image
        found = PillowImage.Image.getexif(image).get(ExifTags.Base.Orientation, UPRIGHT)
        if isinstance(found, int) and 1 <= found <= 8:
            return found
    return UPRIGHT


def is_sideways(orientation: int) -> bool:
    """Whether turning exchanges height and width."""
    return orientation >= 5


def turned(pixels: ImageArray, orientation: int) -> ImageArray:
    """(H, W, C) pixels as viewers show them."""
    match orientation:
        case 2:
            return pixels[:, ::-1]
        case 3:
            return pixels[::-1, ::-1]
        case 4:
            return pixels[::-1]
        case 5:
            return pixels.swapaxes(0, 1)
        case 6:
            return np.rot90(pixels, -1)
        case 7:
            return pixels[::-1, ::-1].swapaxes(0, 1)
        case 8:
            return np.rot90(pixels)
    return pixels
