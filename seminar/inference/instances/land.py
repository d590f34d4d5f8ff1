"""The basins of a mask with the clicks in them: what `divide` joins to objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import watershed

from seminar.inference.instances.basins import (
    Ground,
    Heights,
    Numbers,
    find_basins,
    find_saddles,
    join_basins,
)
from seminar.inference.instances.parts import Parts, basin_moments


@dataclass(frozen=True, eq=False)
class Land:
    """The basins of a ground, and what lies between them.

    Attributes
    ----------
    basins : ndarray, (n,)
        The basin of each pixel, from 0.
    peaks : ndarray, (basins,)
        Which pixel of the ground the highest one of each is.
    areas, is_clicked : ndarray, (basins,)
    pairs, passes, borders : ndarray
        As of `find_saddles`.
    """

    ground: Ground
    heights: Heights
    basins: Numbers
    peaks: Numbers
    areas: Numbers
    is_clicked: npt.NDArray[np.bool_]
    pairs: Numbers
    passes: Heights
    borders: Numbers

    @classmethod
    def of(cls, ground: Ground, heights: Heights, clicked: Numbers) -> Land:
        """`clicked` (n, 2) are pixels of the ground, no two of them in one basin afterwards."""
        places = (clicked[:, 0] + 1) * ground.width + clicked[:, 1] + 1
        seeds = np.unique(np.searchsorted(ground.places, places))
        basins, peaks = find_basins(ground, heights)
        shared = _shared_out(ground, basins, seeds)
        if shared is not basins:
            basins, order = shared, np.lexsort((-heights, shared))
            peaks = order[np.unique(basins[order], return_index=True)[1]]
        is_clicked = np.zeros(len(peaks), dtype=np.bool_)
        is_clicked[basins[seeds]] = True
        areas = np.bincount(basins, minlength=len(peaks))
        saddles = find_saddles(ground, heights, basins)
        return cls(ground, heights, basins, peaks, areas, is_clicked, *saddles)

    def joined(self, waist: float, min_area: float) -> Numbers:
        """For each basin the one that stands for its part, see `join_basins`."""
        return join_basins(
            self.pairs,
            self.passes,
            peaks=self.heights[self.peaks],
            areas=self.areas,
            is_clicked=self.is_clicked,
            waist=waist,
            min_area=min_area,
        )

    def parts(self) -> Parts:
        """The basins, as what was learnt joins them."""
        order = np.lexsort((self.pairs[:, 1], self.pairs[:, 0]))
        return Parts(
            basin_moments(self.ground, self.basins),
            self.heights[self.peaks].astype(np.float64),
            self.pairs[order],
            self.passes[order].astype(np.float64),
            self.borders[order],
        )

    def areas_of(self, owners: Numbers) -> npt.NDArray[np.float64]:
        """Pixels of the part of each basin that stands for one; 0 for the others."""
        areas = np.bincount(owners, self.areas, minlength=len(self.areas))
        return areas.astype(np.float64)

    def image(self, owners: Numbers, is_kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        """(H, W): the parts that are kept, numbered from 1."""
        stands = np.zeros(len(owners), dtype=np.bool_)
        stands[owners] = True
        stands &= is_kept
        return self.ground.image(np.where(stands, np.cumsum(stands), 0)[owners][self.basins])


def _shared_out(ground: Ground, basins: Numbers, seeds: Numbers) -> Numbers:
    """Divide the basins with several clicks in them: each pixel goes to the click that is nearest
    by a way within the basin.
    """
    counts = np.bincount(basins[seeds], minlength=1)
    shared = np.flatnonzero(counts > 1)
    if not len(shared):
        return basins
    basins, count = basins.copy(), int(basins.max()) + 1
    image = ground.image(np.isin(basins, shared) * (basins + 1))
    rows, cols = np.divmod(ground.places, ground.width)
    index = ground.spread(np.arange(len(basins))).reshape(-1, ground.width)[1:-1, 1:-1]
    boxes = ndimage.find_objects(image)
    for basin in shared:
        box = boxes[basin]
        mask = image[box] == basin + 1
        own = seeds[basins[seeds] == basin]
        markers = np.zeros(mask.shape, dtype=np.int32)
        markers[rows[own] - 1 - box[0].start, cols[own] - 1 - box[1].start] = (
            np.arange(len(own)) + 1
        )
        flat = np.zeros(mask.shape, dtype=np.uint8)
        parts = watershed(flat, markers, connectivity=2, mask=mask)[mask]
        basins[index[box][mask]] = np.where(parts == 1, basin, count + parts - 2)
        count += len(own) - 1
    return basins
