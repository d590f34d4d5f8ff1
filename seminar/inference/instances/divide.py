"""Objects one by one: from the clicks of an image, or, in an image without clicks, from the
shape of the predicted mask.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from seminar.clicks.click_set import ClickSet, pixels
from seminar.errors import SeminarError
from seminar.labels import BACKGROUND, IGNORE_INDEX, LabelMap

InstanceMap = npt.NDArray[np.int32]
"""(H, W) int32: 0 is no object, objects are numbered from 1 without gaps."""

MIN_AREA = 12
"""Patches of a predicted class smaller than this many pixels are no objects, unless they were
clicked.
"""

SMOOTHING = 1.0
"""Sigma in pixels of the Gaussian over the distance: a rough outline has many shallow peaks."""


def instances_from_clicks(
    labels: LabelMap, clicks: ClickSet, *, min_area: int = MIN_AREA
) -> InstanceMap:
    """One object a click: the predicted mask divided among the object clicks that lie in it.

    Each pixel goes to the click that the watershed of the distance to the background reaches first,
    within its class and its patch. A click outside the mask of its class is ignored;
    several clicks of a class on one pixel are one. A patch that holds no click of its class is
    divided as `instances_from_shape` does. Background clicks only count through `labels`.

    Parameters
    ----------
    labels : ndarray, (H, W) uint8
        Predicted classes; background and 255 are no object.
    clicks : ClickSet
        The clicks of this image.

    Raises
    ------
    SeminarError
        Clicks of an image of another size.
    """
    if (clicks.height, clicks.width) != labels.shape:
        raise SeminarError(
            f"expected clicks of an image of {labels.shape[0]} x {labels.shape[1]} pixels (height "
            f"x width), got clicks of {clicks.height} x {clicks.width}; predict the image that was "
            "clicked"
        )
    markers = np.zeros(labels.shape, dtype=np.int32)
    inside = clicks.inside()
    rows, cols = pixels(clicks.points[inside]).T
    for number, (row, col, class_id) in enumerate(
        zip(rows, cols, clicks.class_ids[inside], strict=True), start=1
    ):
        if class_id not in (BACKGROUND, IGNORE_INDEX) and labels[row, col] == class_id:
            markers[row, col] = number
    return _divided(labels, markers, min_area=min_area)


def instances_from_shape(labels: LabelMap, *, min_area: int = MIN_AREA) -> InstanceMap:
    """Objects of an image without clicks: each predicted patch is divided at its waists.

    Markers are the peaks of the smoothed distance to the patch's rim; a peak within the radius of a
    higher one belongs to it. The watershed of the distance divides the patch among them.

    Parameters
    ----------
    labels : ndarray, (H, W) uint8
        Predicted classes; background and 255 are no object. Objects of different classes never
        merge.
    min_area : int
        Pixels; smaller patches are left out.
    """
    return _divided(labels, np.zeros(labels.shape, dtype=np.int32), min_area=min_area)


def divide_patch(mask: npt.NDArray[np.bool_]) -> InstanceMap:
    """Divide one connected patch, given in its box, as `instances_from_shape` does.

    Returns numbers from 1, and 0 outside the mask.
    """
    return _divided_patch(mask, np.zeros(mask.shape, dtype=np.int32))


def divide_piece(
    mask: npt.NDArray[np.bool_], open_sides: tuple[tuple[bool, bool], ...]
) -> tuple[InstanceMap, npt.NDArray[np.int64]]:
    """Divide a piece that was cut out of a patch too large for memory.

    Parameters
    ----------
    open_sides : ((top, bottom), (left, right))
        Where the patch may continue, so that the cut is not taken for a rim.

    Returns
    -------
    parts : ndarray
        Numbers from 1, 0 outside of the mask.
    peaks : ndarray, (n, 2)
        Pixel of each part that is farthest from the rim; (-1, -1) where the piece has no rim.
    """
    padding = [(int(not before), int(not after)) for before, after in open_sides]
    padded = np.pad(mask, padding)
    if padded.all():
        return mask.astype(np.int32), np.full((1, 2), -1)
    inner = tuple(
        slice(before, before + side) for (before, _), side in zip(padding, mask.shape, strict=True)
    )
    distance = ndimage.distance_transform_edt(padded)[inner]
    seeds = _peaks(ndimage.gaussian_filter(distance, SMOOTHING) * mask, mask)
    places = np.argwhere(seeds > 0)
    parts: InstanceMap = watershed(-distance, seeds, mask=mask).astype(np.int32)
    return parts, places[np.argsort(seeds[tuple(places.T)])]


def _divided(labels: LabelMap, markers: InstanceMap, *, min_area: int) -> InstanceMap:
    instances = np.zeros(labels.shape, dtype=np.int32)
    count = 0
    for class_id in np.unique(labels):
        if class_id in (BACKGROUND, IGNORE_INDEX):
            continue
        patches, _ = ndimage.label(labels == class_id)
        for number, window in enumerate(ndimage.find_objects(patches), start=1):
            mask = patches[window] == number
            seeds = np.where(mask, markers[window], 0)
            if not seeds.any() and mask.sum() < min_area:
                continue
            parts = _divided_patch(mask, seeds)
            instances[window][mask] = parts[mask] + count
            count += int(parts.max())
    return instances


def _divided_patch(mask: npt.NDArray[np.bool_], seeds: InstanceMap) -> InstanceMap:
    """Numbers from 1 in the mask, without gaps; without seeds the peaks of the distance serve."""
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    if not seeds.any():
        seeds = _peaks(ndimage.gaussian_filter(distance, SMOOTHING) * mask, mask)
    numbers = np.unique(seeds[seeds > 0])
    seeds = np.searchsorted(numbers, seeds, side="right").astype(np.int32) * (seeds > 0)
    if len(numbers) == 1:
        return mask.astype(np.int32)
    parts: InstanceMap = watershed(-distance, seeds, mask=mask).astype(np.int32)
    return parts


def _peaks(distance: npt.NDArray[np.float64], mask: npt.NDArray[np.bool_]) -> InstanceMap:
    peaks = peak_local_max(
        distance, min_distance=1, exclude_border=False, labels=mask.astype(np.int32)
    )
    heights = distance[tuple(peaks.T)]
    order = np.argsort(-heights, kind="stable")
    peaks, heights = peaks[order], heights[order]
    is_kept = np.zeros(len(peaks), dtype=np.bool_)
    for index, peak in enumerate(
        peaks
    ):  # the highest first; lower peaks within its radius are dropped
        is_kept[index] = (np.hypot(*(peaks[is_kept] - peak).T) > heights[is_kept]).all()
    seeds = np.zeros(mask.shape, dtype=np.int32)
    if not is_kept.any():
        seeds[np.unravel_index(int(np.argmax(np.where(mask, distance, -1))), mask.shape)] = 1
    seeds[tuple(peaks[is_kept].T)] = np.arange(1, is_kept.sum() + 1)
    return seeds
