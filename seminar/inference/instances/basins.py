"""The basins of a mask: where its depth, the distance to its rim, falls off on all sides.

Everything is done on the pixels of the mask alone, as flat positions: masks are mostly background,
and SciPy's distance transform and scikit-image's watershed visit that, too.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

SMOOTHINGS = 2
"""How often the depth is averaged with its neighbours (1, 2, 1), which is a sigma of 1 pixel: a
rough outline has many shallow peaks.
"""

PATIENCE = 4
"""Times the mask's pixels may be looked at again before the distance is left to SciPy, which does
not mind how wide objects are.
"""

_Value = TypeVar("_Value", bound=np.generic)

Numbers = npt.NDArray[np.int64]
Heights = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Ground:
    """The pixels of a mask in an array that has one more pixel on every side.

    Attributes
    ----------
    shape : (height, width)
        Of the mask.
    places : ndarray, (n,) int64
        Flat positions in the larger array, ascending.
    """

    shape: tuple[int, int]
    places: Numbers

    @classmethod
    def of(cls, mask: npt.NDArray[np.bool_]) -> Ground:
        rows, cols = np.divmod(np.flatnonzero(mask), max(1, mask.shape[1]))
        return cls((mask.shape[0], mask.shape[1]), (rows + 1) * (mask.shape[1] + 2) + cols + 1)

    @property
    def width(self) -> int:
        """Of the larger array: a row further down."""
        return self.shape[1] + 2

    @property
    def size(self) -> int:
        """Of the larger array."""
        return (self.shape[0] + 2) * self.width

    def spread(self, values: npt.NDArray[_Value], outside: float = 0) -> npt.NDArray[_Value]:
        """The larger array, flat, with these values in the mask."""
        whole = np.zeros(self.size, dtype=values.dtype)  # costs nothing before it is touched
        if outside:
            whole.fill(outside)
        whole[self.places] = values
        return whole

    def image(self, values: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """(H, W) int32 with these values in the mask and 0 elsewhere."""
        whole = self.spread(values.astype(np.int32)).reshape(-1, self.width)
        image: npt.NDArray[np.int32] = whole[1:-1, 1:-1]
        return image


def depths(ground: Ground) -> Heights:
    """Distance of each pixel to the nearest one outside of the mask, (n,); so is what lies beyond
    the image.

    Exact: the distance within the column, then along the row for as long as it can get shorter.
    """
    squared = _in_columns(ground) ** 2
    whole = ground.spread(squared)
    active, step, looked_at = np.arange(len(squared)), 1, 0
    while len(active):
        here = ground.places[active]
        shorter = np.minimum(whole[here - step], whole[here + step]) + step * step
        np.minimum(shorter, squared[active], out=shorter)
        squared[active] = shorter
        step += 1
        active = active[shorter > step * step]
        looked_at += len(active)
        if looked_at > PATIENCE * ground.size:
            mask = ground.spread(np.ones(len(squared), np.bool_)).reshape(-1, ground.width)
            distance = ndimage.distance_transform_edt(mask).ravel()[ground.places]
            return np.asarray(distance, dtype=np.float32)
    return np.sqrt(squared, dtype=np.float32)


def smoothed(ground: Ground, heights: Heights) -> Heights:
    """Heights averaged with those of their neighbours in the mask; outside it they are 0."""
    whole = ground.spread(heights)
    for step in (1, ground.width) * SMOOTHINGS:
        sides = whole[ground.places - step] + whole[ground.places + step]
        heights = (heights / 2 + sides / 4).astype(np.float32)
        whole[ground.places] = heights
    return heights


def find_basins(ground: Ground, heights: Heights) -> tuple[Numbers, Numbers]:
    """Each pixel belongs to the peak that it reaches by going up as steeply as possible, over its
    eight neighbours, but not over a corner at which nothing but the corner touches.

    Returns
    -------
    basins : ndarray, (n,)
        Numbers from 0, one a peak.
    peaks : ndarray, (peaks,)
        Which pixel of the ground each peak is.
    """
    whole = ground.spread(heights, outside=-1)
    highest, best = ground.places.copy(), heights.copy()
    beside = {step: whole[ground.places + step] for step in (-ground.width, -1, 1, ground.width)}
    for down, right in itertools.product((-ground.width, 0, ground.width), (-1, 0, 1)):
        near = ground.places + (down + right)
        values = beside[down + right] if (down == 0) != (right == 0) else whole[near]
        # over a plateau all go the same way, so that it is one basin
        is_up = values >= best if down + right > 0 else values > best
        if down and right:
            is_up &= np.maximum(beside[down], beside[right]) >= 0
        np.copyto(highest, near, where=is_up)
        np.copyto(best, values, where=is_up)
    up = ground.spread(np.arange(len(highest)))[highest]
    while True:
        further = up[up]
        if np.array_equal(further, up):
            break
        up = further
    is_peak = np.zeros(len(up), dtype=np.bool_)
    is_peak[up] = True
    return (np.cumsum(is_peak) - 1)[up], np.flatnonzero(is_peak)


def find_saddles(
    ground: Ground, heights: Heights, basins: Numbers
) -> tuple[npt.NDArray[np.int64], Heights, Numbers]:
    """The pairs of basins that touch, (m, 2), the highest way between them, (m,), and how many
    pixels of one touch the other, (m,); from the highest way to the lowest.
    """
    index = ground.spread(np.arange(1, len(basins) + 1))
    firsts, seconds = [], []
    for step in (1, ground.width):
        other = index[ground.places + step] - 1
        here = np.flatnonzero(other >= 0)
        here = here[basins[here] != basins[other[here]]]
        firsts.append(here)
        seconds.append(other[here])
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    passes = np.minimum(heights[first], heights[second])
    pairs = np.sort(np.stack([basins[first], basins[second]], axis=1), axis=1)
    order = np.lexsort((-passes, pairs[:, 1], pairs[:, 0]))
    pairs, passes = pairs[order], passes[order]
    is_highest = np.ones(len(pairs), dtype=np.bool_)
    is_highest[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    borders = np.diff(np.append(np.flatnonzero(is_highest), len(pairs)))
    pairs, passes = pairs[is_highest], passes[is_highest]
    order = np.argsort(-passes, kind="stable")
    return pairs[order], passes[order], borders[order]


def join_basins(
    pairs: npt.NDArray[np.int64],
    passes: Heights,
    *,
    peaks: Heights,
    areas: npt.NDArray[np.int64],
    is_clicked: npt.NDArray[np.bool_],
    waist: float,
    min_area: float,
) -> Numbers:
    """Join basins that no waist divides, from the highest saddle down; two clicked ones never.

    First those whose saddle is at least `waist` times as high as the lower of their two peaks, then
    those without a click that are smaller than `min_area`, whatever is between.

    Returns
    -------
    ndarray, (basins,)
        For each basin, the basin that stands for all that it is joined with: the one with the
        click, if there is one.
    """
    owner = list(range(len(peaks)))
    height, size, clicked = peaks.tolist(), areas.tolist(), is_clicked.tolist()

    def find(basin: int) -> int:
        while owner[basin] != basin:
            owner[basin] = owner[owner[basin]]
            basin = owner[basin]
        return basin

    for is_last in (False, True):
        for (one, other), saddle in zip(pairs.tolist(), passes.tolist(), strict=True):
            kept, given = find(one), find(other)
            if kept == given or (clicked[kept] and clicked[given]):
                continue
            if (clicked[given], height[given]) > (clicked[kept], height[kept]):
                kept, given = given, kept
            is_small = (
                not clicked[given]
                and min(size[given], math.inf if clicked[kept] else size[kept]) < min_area
            )
            if saddle >= waist * min(height[kept], height[given]) or (is_last and is_small):
                owner[given] = kept
                height[kept] = max(height[kept], height[given])
                size[kept] += size[given]
    return np.array([find(basin) for basin in range(len(owner))], dtype=np.int64)


def _in_columns(ground: Ground) -> Numbers:
    """Distance of each pixel to the nearest one outside of the mask in its column."""
    rows, cols = np.divmod(ground.places, ground.width)
    # places are sorted by rows, and 16 bits are sorted much faster
    order = np.argsort(cols.astype(np.uint16 if ground.width < 2**16 else np.int64), kind="stable")
    down = cols[order] * (ground.shape[0] + 2) + rows[order]  # runs of pixels, column by column
    is_start = np.ones(len(down), dtype=np.bool_)
    is_start[1:] = np.diff(down) != 1
    starts = np.flatnonzero(is_start)
    run = np.cumsum(is_start) - 1
    after = np.arange(len(down)) - starts[run] + 1
    before = np.append(starts, len(down))[run + 1] - np.arange(len(down))
    distance = np.empty(len(down), dtype=np.int64)
    distance[order] = np.minimum(after, before)
    return distance
