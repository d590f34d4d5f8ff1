"""Wrong clicks among simulated ones: another class, or just beside the object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seminar.clicks.click_set import ClickSet, pixels
from seminar.labels import IGNORE_INDEX, LabelMap

BESIDE = 3.0
"""A click beside its object is at most this much further away, in pixels, than the nearest pixel
that is wrong.
"""

REACH = 16
"""Wrong pixels are looked for up to this far from the object, in pixels, because void may lie
between: the void rim of PASCAL VOC is 5 pixels wide.
"""


def make_mistakes(
    clicks: ClickSet,
    truth: LabelMap,
    objects: npt.NDArray[np.int32],
    clicked: Sequence[int],
    *,
    share: float,
    num_classes: int,
    rng: np.random.Generator,
) -> ClickSet:
    """The same clicks, a share of them wrong: half beside their object, half of another class.

    Parameters
    ----------
    clicks : ClickSet
        On whole pixels, those on objects first.
    truth : ndarray, (H, W) uint8
        Class ids; 255 is void.
    objects : ndarray, (H, W) int32
        Object numbers, 0 = none.
    clicked : sequence of int
        The object of each of the first clicks; the clicks after these are on the background.
    share : float
        In [0, 1], of all clicks. A number between two whole ones is rounded up or down at random,
        so that the share holds on average over many images.
    num_classes : int
        Classes that a wrong click may have, with the background: at least 2.
    rng : numpy.random.Generator

    Notes
    -----
    Only clicks on objects can fall beside, so these are wrong more often than clicks on the
    background. Where there are too few of them, or no pixel within `REACH` is wrong, more clicks
    have another class instead.
    """
    points, class_ids = pixels(clicks.points), clicks.class_ids.copy()
    num_wrong = _rounded(share * len(clicks), rng)
    num_beside = _rounded(num_wrong / 2, rng)
    is_free = (truth != IGNORE_INDEX) & (clicks.rasterize() == IGNORE_INDEX)
    windows = ndimage.find_objects(objects)
    beside: list[int] = []
    for index in map(int, rng.permutation(len(clicked))):
        if len(beside) == num_beside:
            break
        number = clicked[index]
        window = tuple(
            slice(max(0, extent.start - REACH), extent.stop + REACH)
            for extent in windows[number - 1]
        )
        is_wrong = is_free[window] & (truth[window] != class_ids[index])
        place = _place_beside(objects[window] == number, is_wrong, rng)
        if place is not None:
            points[index] = place + [extent.start for extent in window]
            is_free[tuple(points[index])] = False
            beside.append(index)
    rest = np.setdiff1d(np.arange(len(clicks)), beside)
    for index in map(int, rng.choice(rest, num_wrong - len(beside), replace=False)):
        right = (class_ids[index], truth[tuple(points[index])])
        class_ids[index] = rng.choice(np.setdiff1d(np.arange(num_classes), right))
    return ClickSet(clicks.height, clicks.width, points.astype(np.float64), class_ids)


def _rounded(number: float, rng: np.random.Generator) -> int:
    """One of the two nearest whole numbers, at random, so that the mean is the number."""
    return int(np.floor(number + rng.random()))


def _place_beside(
    is_object: npt.NDArray[np.bool_], is_wrong: npt.NDArray[np.bool_], rng: np.random.Generator
) -> npt.NDArray[np.int64] | None:
    """A random one of the wrong pixels nearest to the object, outside of it; None without any."""
    distance = ndimage.distance_transform_edt(~is_object)
    is_near = is_wrong & (distance > 0) & (distance <= REACH)
    if not is_near.any():
        return None
    places = np.argwhere(is_near & (distance <= distance[is_near].min() + BESIDE))
    place: npt.NDArray[np.int64] = places[rng.integers(len(places))]
    return place
