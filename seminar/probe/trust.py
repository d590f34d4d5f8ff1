"""How well the edges of a mask follow the edges of its image: a measure that needs no truth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seminar.labels import LabelMap

SIDE = 384
"""Larger images are averaged down to at most about this side."""

AWAY = 2
"""Pixels from the boundary beyond which the mask's inside begins."""


class Edges:
    """The edges of an image, ready to be compared with masks of it.

    Parameters
    ----------
    image : ndarray, (C, H, W) float32
    """

    def __init__(self, image: npt.NDArray[np.float32]) -> None:
        self._step = step = -(-max(image.shape[1:]) // SIDE)
        self._size = height, width = tuple(side // step * step for side in image.shape[1:])
        blocks = image[:, :height, :width].reshape(
            len(image), height // step, step, width // step, step
        )
        small = blocks.mean(axis=(2, 4))
        squares = [ndimage.gaussian_gradient_magnitude(each, 1.0) ** 2 for each in small]
        gradient = np.sum(squares, axis=0).ravel()
        ranks = np.empty(gradient.size)
        ranks[np.argsort(gradient, kind="stable")] = np.linspace(0, 1, gradient.size)
        self._ranks = ranks.reshape(small.shape[1:])

    def fit(self, labels: LabelMap) -> float:
        """Mean rank of the gradient on the mask's boundary, minus that away from it; -1..1.

        The ranks, 0 to 1 within the image, are those of the gradient magnitude at sigma 1 px. A
        mask of one class has no boundary: 0. Over mixes of features its rank correlation with IoU
        is .64 to .94 on four sets of two classes.

        Parameters
        ----------
        labels : ndarray, (H, W) uint8
        """
        height, width = self._size
        mask = labels[: height : self._step, : width : self._step]
        boundary = np.zeros(mask.shape, dtype=np.bool_)
        down, right = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
        boundary[1:] |= down
        boundary[:-1] |= down
        boundary[:, 1:] |= right
        boundary[:, :-1] |= right
        away = ~ndimage.binary_dilation(boundary, iterations=AWAY)
        if not boundary.any() or not away.any():
            return 0.0
        return float(self._ranks[boundary].mean() - self._ranks[away].mean())
