"""The sparse mask of an image's clicks, and whether it agrees with the JSON it is made from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError
from seminar.io.images import MAX_PIXELS
from seminar.io.label_png import read_label_png, read_png_note, write_label_png
from seminar.labels import IGNORE_INDEX, ClassNames

MaskState = Literal["in step", "lagging", "foreign"]
"""A sparse mask compared with its JSON: made from it; missing, damaged or made from an earlier
one; drawn by another program and different.
"""


def write_sparse_mask(path: Path, clicks: ClickSet, classes: ClassNames, text: bytes) -> None:
    """Write the mask of the clicks in `text`, the whole JSON.

    The mask notes which text it was made from, so that no clock is needed to compare them.
    """
    write_label_png(path, clicks.rasterize(), classes, durable=False, note=_fingerprint(text))


def mask_state(path: Path, clicks: ClickSet, text: bytes, *, by_pixels: bool = False) -> MaskState:
    """Compare the mask at `path` with these clicks, read from `text`.

    `by_pixels` also decodes a mask that notes the right text: a program that preserves notes may
    have changed it.
    """
    try:
        note = read_png_note(path)
        if note == _fingerprint(text) and not by_pixels:
            return "in step"
        if note not in ("", _fingerprint(text)):
            return "lagging"
        same = np.array_equal(read_label_png(path), clicks.rasterize())
    except DatasetError:
        return "lagging"
    return "in step" if same else "foreign"


def can_be_mask(clicks: ClickSet) -> bool:
    """Whether the clicks have classes and a size that a mask can hold."""
    return (
        bool((clicks.class_ids < IGNORE_INDEX).all())
        and 0 < clicks.height * clicks.width <= MAX_PIXELS
    )


def _fingerprint(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:32]
