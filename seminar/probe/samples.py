"""What is learnt from one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seminar.probe.store import PixelFeatures

GRID = 8
"""Pixels along each side of an image whose features say what is usual there."""


@dataclass(frozen=True, eq=False)
class Samples:
    """The clicks of one image.

    Attributes
    ----------
    key : str
        Another one as soon as the image changes, or what its features are made with.
    class_ids : ndarray, (n,) int64
    at : PixelFeatures
        Of the n clicks, and of the pixels of `grid` after them.
    """

    key: str
    class_ids: npt.NDArray[np.int64]
    at: PixelFeatures

    @property
    def pixels(self) -> npt.NDArray[np.int64]:
        """(n, 2), of the clicks."""
        return self.at.pixels[: len(self.class_ids)]

    @property
    def features(self) -> npt.NDArray[np.float32]:
        """(n, F), at the clicks."""
        return self.at.features[: len(self.class_ids)]

    @property
    def around(self) -> npt.NDArray[np.float32]:
        """(m, F), at the other pixels."""
        return self.at.features[len(self.class_ids) :]


def grid(height: int, width: int) -> npt.NDArray[np.int64]:
    """(GRID * GRID, 2) pixels, evenly over the image; of a small one fewer."""
    rows, cols = (
        ((np.arange(min(GRID, side)) + 0.5) * side / min(GRID, side)).astype(np.int64)
        for side in (height, width)
    )
    return np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)
