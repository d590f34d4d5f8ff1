"""The places in one image where a click would teach most, and no click is near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seminar.clicks.click_set import Points

SPOTS = 8
"""Places remembered of each image."""

COARSE = 512
"""Larger images are divided into blocks, this many along the longer side."""


@dataclass(frozen=True)
class Spot:
    """A place in one image.

    Attributes
    ----------
    row, col : int
        The pixel to click, well inside the region.
    area : int
        Pixels of the region that are in doubt.
    score : float
        Area weighted by depth, so that a blob scores higher than a rim of the same size.
    """

    row: int
    col: int
    area: int
    score: float


def spots(
    doubt: npt.NDArray[np.uint8], clicks: Points, radius: float | None = None, *, least: int
) -> tuple[Spot, ...]:
    """The regions of most doubt in one image, worst first, at most `SPOTS`.

    Parameters
    ----------
    doubt : ndarray, (H, W) uint8
        0 where all is clear, 255 where nothing is.
    clicks : ndarray, (n, 2) float64
        (row, col) of clicks; pixels nearer to one than `radius` are left out.
    radius : float, optional
        In pixels; `near_radius` of the image by default.
    least : int
        Pixels of at least this doubt are looked at.
    """
    height, width = doubt.shape
    side = -(-max(height, width) // COARSE)
    counts = _block_sums(doubt >= least, side)
    region = 2 * counts >= side * side
    if len(clicks) and region.any():
        region = _without_clicked(
            region, clicks, side, near_radius((height, width)) if radius is None else radius
        )
    if not region.any():
        return ()
    numbers, count = ndimage.label(region)
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1] * side
    areas = np.bincount(numbers.ravel(), weights=counts.ravel(), minlength=count + 1)
    scores = np.bincount(numbers.ravel(), weights=(counts * depth).ravel(), minlength=count + 1)
    scores[0] = -1.0
    worst = np.argsort(-scores, kind="stable")[: min(SPOTS, count)]
    deepest = ndimage.maximum_position(depth, numbers, worst)
    found = []
    for number, (block_row, block_col) in zip(worst, deepest, strict=True):
        row, col = _strongest(doubt, int(block_row) * side, int(block_col) * side, side)
        found.append(Spot(row, col, int(areas[number]), float(scores[number])))
    return tuple(found)


def near_radius(size: tuple[int, int]) -> float:
    """Within this many pixels of a click no other is needed, in an image of (height, width)."""
    return float(np.clip(0.02 * min(size), 6, 32))


def _block_sums(mask: npt.NDArray[np.bool_], side: int) -> npt.NDArray[np.int64]:
    """Number of set pixels in each side x side block; the last blocks may be cut."""
    sums = np.add.reduceat(mask.astype(np.int64), np.arange(0, mask.shape[0], side), axis=0)
    return np.add.reduceat(sums, np.arange(0, mask.shape[1], side), axis=1)


def _without_clicked(
    region: npt.NDArray[np.bool_], clicks: Points, side: int, radius: float
) -> npt.NDArray[np.bool_]:
    """The region without the surroundings of each click.

    They are all within `radius` pixels and, where the click lies deep in a patch, all around it out
    to the patch's rim.
    """
    places = np.floor((clicks + 0.5) / side).astype(np.int64)
    rows, cols = np.clip(places, 0, np.array(region.shape) - 1).T
    free = np.ones(region.shape, dtype=np.bool_)
    free[rows, cols] = False
    left: npt.NDArray[np.bool_] = region & (ndimage.distance_transform_edt(free) * side > radius)
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    for row, col in zip(rows[region[rows, cols]], cols[region[rows, cols]], strict=True):
        reach = 1.5 * depth[row, col]  # to the corners of a square
        top, first = max(0, int(row - reach)), max(0, int(col - reach))
        window = left[top : int(row + reach) + 2, first : int(col + reach) + 2]
        down, right = np.ogrid[top : top + window.shape[0], first : first + window.shape[1]]
        window[np.hypot(down - row, right - col) <= reach] = False
    return left


def _strongest(doubt: npt.NDArray[np.uint8], row: int, col: int, side: int) -> tuple[int, int]:
    """The pixel of most doubt in one block."""
    block = doubt[row : row + side, col : col + side]
    down, right = np.unravel_index(int(block.argmax()), block.shape)
    return row + int(down), col + int(right)
