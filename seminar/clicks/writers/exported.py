"""What the writers of this folder take and return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seminar.clicks.click_set import ClickSet, Points, pixels
from seminar.labels import LabelMap

DECIMALS = 2
"""Of the coordinates that are written; QuPath (0.8) and Datumaro (1.13.12) keep no more."""

INSIDE = 0.49
"""Farthest from a pixel's middle that is written, so that no program takes the next pixel.

Clicks may lie on the edge between two. ImageJ (1.53t) keeps points relative to their box as
float32, so that 0.5 can come back as 0.49999997.
"""


@dataclass(frozen=True)
class ExportImage:
    """An image and what is exported of it.

    Attributes
    ----------
    image_id : str
    file : Path
        The image file.
    height, width : int
    clicks : ClickSet or None
    objects : ndarray, (H, W) int32, or None
        Object numbers, 0 = no object.
    object_classes : mapping of int to int
        Class id of each object.
    labels : ndarray, (H, W) uint8, or None
    """

    image_id: str
    file: Path
    height: int
    width: int
    clicks: ClickSet | None = None
    objects: npt.NDArray[np.int32] | None = None
    object_classes: Mapping[int, int] = field(default_factory=dict)
    labels: LabelMap | None = None


@dataclass(frozen=True)
class Written:
    """What was written of one image.

    Attributes
    ----------
    items : int
        Clicks or objects; of masks 1.
    holes : int
        Objects whose holes the format cannot hold, and which are filled.
    """

    items: int
    holes: int = 0


@dataclass(frozen=True)
class ImageObject:
    """One object: its mask in its box.

    Attributes
    ----------
    number, class_id : int
    top, left : int
        The box's upper left pixel.
    mask : ndarray, (h, w) bool
    """

    number: int
    class_id: int
    top: int
    left: int
    mask: npt.NDArray[np.bool_]


def written_points(clicks: ClickSet) -> Points:
    """(n, 2) (row, col) of the clicks inside of the image, each safely on its own pixel.

    Parameters
    ----------
    clicks : ClickSet
        Those outside have to be removed before (see `inside_only`).
    """
    middles = pixels(clicks.points).astype(np.float64)
    inside = np.clip(clicks.points, middles - INSIDE, middles + INSIDE)
    return inside.round(DECIMALS).astype(np.float64)


def inside_only(clicks: ClickSet) -> ClickSet:
    """The clicks that fall on the image."""
    inside = clicks.inside()
    return ClickSet(
        clicks.height,
        clicks.width,
        clicks.points[inside],
        clicks.class_ids[inside],
        clicks.seconds,
    )


def objects_of(image: ExportImage) -> Iterator[ImageObject]:
    """The objects of an image in the order of their numbers."""
    from scipy import ndimage  # late: the command line lists formats without it

    if image.objects is None:
        return
    for number, window in enumerate(ndimage.find_objects(image.objects), start=1):
        if window is not None:
            rows, cols = window
            yield ImageObject(
                number,
                image.object_classes[number],
                rows.start,
                cols.start,
                image.objects[window] == number,
            )
