"""Divide one object of an instance map by hand."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from seminar.clicks.click_set import Points, pixels
from seminar.errors import SeminarError
from seminar.inference.instances.divide import divide_at

_Number = TypeVar("_Number", bound=np.integer)


def split_object(
    instances: npt.NDArray[_Number], number: int, points: Points
) -> npt.NDArray[_Number]:
    """Divide an object among the clicks in it, at its waists; the other objects stay.

    Only the object's box is looked at, so it takes as long in a large image as in a small one, but
    for the copy.

    Parameters
    ----------
    instances : ndarray, (H, W) integers
    number : int
        The object.
    points : ndarray, (n, 2) float
        (row, col) of all clicks on it, the first first; those that lie elsewhere are ignored, and
        several on one pixel are one.

    Returns
    -------
    ndarray
        A new map of the same kind. The part with the first click keeps the number, the others have
        the next ones that are free after the highest.

    Raises
    ------
    SeminarError
        No such object, fewer than two clicks on it, more objects than the map can number.
    """
    rows, cols = np.nonzero(instances == number)
    if not number or not len(rows):
        raise SeminarError(f"object {number} is not in the instances; choose one that is")
    box = (slice(rows.min(), rows.max() + 1), slice(cols.min(), cols.max() + 1))
    mask = instances[box] == number
    clicked = pixels(points) - (rows.min(), cols.min())
    clicked = clicked[((clicked >= 0) & (clicked < mask.shape)).all(axis=1)]
    clicked = clicked[mask[tuple(clicked.T)]]
    clicked = clicked[np.sort(np.unique(clicked, axis=0, return_index=True)[1])]
    if len(clicked) < 2:
        raise SeminarError(
            f"expected at least two clicks on object {number} to split it, got {len(clicked)}; "
            "click on each of its parts"
        )
    highest = int(instances.max())
    if highest + len(clicked) - 1 > np.iinfo(instances.dtype).max:
        raise SeminarError(
            f"object {number} cannot be split: {highest:,} objects are as many as the map can "
            "number; predict the image in parts"
        )
    numbers = np.array(
        [0, number, *range(highest + 1, highest + len(clicked))], dtype=instances.dtype
    )
    split = instances.copy()
    split[box][mask] = numbers[divide_at(mask, clicked)][mask]
    return split
