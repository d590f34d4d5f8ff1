"""Objects one by one: from the clicks of an image, or, in an image without clicks, from the
shape of the predicted mask.

Both divide a mask at its waists. The depth of a pixel is its distance to the mask's rim, smoothed;
every pixel belongs to the peak above it (`seminar.inference.instances.basins`), which gives too
many parts. Parts are then joined where nothing narrows between them: never two with a click in
each, and a clicked one more readily than two that nobody clicked.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import KDTree

from seminar.clicks.click_set import ClickSet, Points, pixels
from seminar.errors import SeminarError
from seminar.inference.instances.basins import (
    Ground,
    Numbers,
    depths,
    smoothed,
)
from seminar.inference.instances.land import Land
from seminar.inference.instances.parts import Floats
from seminar.inference.instances.rules import FEATURES, MIN_AREA, Rules
from seminar.labels import BACKGROUND, IGNORE_INDEX, LabelMap

InstanceMap = npt.NDArray[np.int32]
"""(H, W) int32: 0 is no object, objects are numbered from 1 without gaps."""

Mask = npt.NDArray[np.bool_]

WAIST, WAIST_BY_A_CLICK = 0.95, 0.9
"""Two parts are one object if the way between them is at least this share of the lower one's depth;
the second where one of the two was clicked (benchmarks/instances.md). The first holds where
`Rules.joining` was not learnt.
"""

MOST = 0.6
"""Share of a part that an object has at least, for the part to teach when two are one."""

SMALL = 0.2
"""Where objects were clicked, parts without a click below this share of their median area are no
objects (benchmarks/instances.md).
"""

LEFT_OUT = 0.1
"""With at most so many parts left that nobody clicked, as share of those that were clicked, the
image was clicked completely, and what is left is no object (benchmarks/instances.md).
"""

GROWN = 0.7
"""Radius of an object that the mask misses, as share of that of a disc with the median area."""

MIN_RADIUS = 2.0
"""Of such an object, in pixels: 13 of them."""

NO_CLICKS = np.empty((0, 2), dtype=np.int64)


def instances_from_clicks(
    labels: LabelMap, clicks: ClickSet, *, min_area: int | None = None
) -> InstanceMap:
    """One object a click: every click in the mask of its class owns one connected object, and no
    object has two clicks.

    Parts of the mask without a click join a clicked object unless there is a waist between them
    (`WAIST_BY_A_CLICK`). The others are objects of their own if they are not too small: people do
    not click everything. But if at most a tenth (`LEFT_OUT`) of the objects of a class is left, it
    was clicked completely: then there are no others, and waists do not matter.

    A click that the mask misses (background, or a patch that is too small) owns a disc of `GROWN`
    times the usual radius, as far as no other object is there. Not so a click in the mask of
    another class or in another click's object: it owns nothing. Several clicks of a class on one
    pixel are one. Background clicks only count through `labels`.

    Parameters
    ----------
    labels : ndarray, (H, W) uint8
        Predicted classes; background and 255 are no object.
    clicks : ClickSet
        The clicks of this image.
    min_area : int, optional
        Pixels; every part without a click that is at least as large is an object. By default the
        rules above hold, and too small is what is below `SMALL` of the median of the clicked
        objects, or below `MIN_AREA`.

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
    is_object = clicks.inside() & ~np.isin(clicks.class_ids, (BACKGROUND, IGNORE_INDEX))
    places, class_ids = pixels(clicks.points[is_object]), clicks.class_ids[is_object]
    instances: InstanceMap = np.zeros(labels.shape, dtype=np.int32)
    is_seen = labels[tuple(places.T)] == class_ids
    for class_id in _object_classes(labels):
        clicked = places[is_seen & (class_ids == class_id)]
        mask = labels == class_id
        if len(clicked):
            _add(instances, _divided(mask, clicked, min_area))
        else:
            _add(instances, divide_mask(mask, Rules(min_area or 0)))
    _grow(instances, labels, places, class_ids, MIN_AREA if min_area is None else min_area)
    return instances


def divide_labels(
    labels: LabelMap, clicks: ClickSet | None, rules: Rules | None = None
) -> InstanceMap:
    """The objects of an image: by its clicks if some are on objects, else by shape.

    `rules` are those of `instances_from_shape`; clicked images have their own.
    """
    if clicks is not None and has_object_clicks(clicks):
        return instances_from_clicks(labels, clicks)
    return instances_from_shape(labels, rules)


def has_object_clicks(clicks: ClickSet) -> bool:
    """Whether a mask can be divided by these clicks."""
    return bool((clicks.class_ids != BACKGROUND).any())


def without_object(instances: InstanceMap, labels: LabelMap, clicks: ClickSet) -> Points:
    """The clicks, (n, 2), to which `instances_from_clicks` gave no object of their own: in the mask
    of another class, or in what another click owns.
    """
    is_object = clicks.inside() & ~np.isin(clicks.class_ids, (BACKGROUND, IGNORE_INDEX))
    points, class_ids = clicks.points[is_object], clicks.class_ids[is_object]
    places = pixels(points)
    seen = labels[tuple(places.T)]
    is_own = (seen == class_ids) | np.isin(seen, (BACKGROUND, IGNORE_INDEX))
    numbers = np.where(is_own, instances[tuple(places.T)], 0)
    is_same_pixel = np.ones(len(places), dtype=np.bool_)
    is_same_pixel[np.unique(places, axis=0, return_index=True)[1]] = False
    is_first = np.zeros(len(places), dtype=np.bool_)
    is_first[np.unique(numbers, return_index=True)[1]] = True
    lacking: Points = points[((numbers == 0) | ~is_first) & ~is_same_pixel]
    return lacking


def instances_from_shape(labels: LabelMap, rules: Rules | None = None) -> InstanceMap:
    """Objects of an image without clicks: each predicted patch is divided at its waists, or as
    `Rules.joining` was learnt from clicked ones.

    Parameters
    ----------
    labels : ndarray, (H, W) uint8
        Predicted classes; background and 255 are no object. Objects of different classes never
        merge.
    rules : Rules, optional
        `seminar.inference.instances.learnt_rules` learns them from clicked images.
    """
    instances: InstanceMap = np.zeros(labels.shape, dtype=np.int32)
    for class_id in _object_classes(labels):
        _add(instances, divide_mask(labels == class_id, rules))
    return instances


def divide_mask(mask: Mask, rules: Rules | None = None) -> InstanceMap:
    """Divide the mask of one class by its shape; what becomes of a patch depends on it alone.

    Returns numbers from 1 without gaps, and 0 outside the mask and for what is too small.
    """
    rules, ground = rules or Rules(), Ground.of(mask)
    if not len(ground.places):
        return np.zeros(mask.shape, dtype=np.int32)
    land = Land.of(ground, smoothed(ground, depths(ground)), NO_CLICKS)
    owners = _by_shape(land, rules)
    return land.image(owners, land.areas_of(owners) >= rules.min_area)


def divide_piece(
    mask: Mask, open_sides: tuple[tuple[bool, bool], ...], rules: Rules | None = None
) -> tuple[InstanceMap, Numbers]:
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
    rules = rules or Rules()
    padding = [(int(not before), int(not after)) for before, after in open_sides]
    padded = np.pad(mask, padding)
    if padded.all():
        return mask.astype(np.int32), np.full((1, 2), -1)
    inner = tuple(
        slice(before, before + side) for (before, _), side in zip(padding, mask.shape, strict=True)
    )
    ground = Ground.of(mask)
    distance = ndimage.distance_transform_edt(padded)[inner][mask].astype(np.float32)
    land = Land.of(ground, smoothed(ground, distance), NO_CLICKS)
    owners = _by_shape(land, rules)
    parts = land.image(owners, land.areas_of(owners) >= rules.min_area)
    places = np.argwhere(mask)[land.peaks]
    order = np.argsort(-land.heights[land.peaks], kind="stable")
    numbers, highest = np.unique(parts[tuple(places[order].T)], return_index=True)
    return parts, places[order][highest[numbers > 0]]


def divide_at(mask: Mask, clicked: Numbers) -> InstanceMap:
    """Divide a mask among pixels in it, (n, 2) (row, col): each owns one connected part.

    Returns numbers in the order of the pixels, from 1; 0 outside the mask, and where no way in the
    mask leads to one of them.
    """
    ground = Ground.of(mask)
    land = Land.of(ground, smoothed(ground, depths(ground)), clicked)
    owners = land.joined(0, 0)
    parts = land.image(owners, np.isin(np.arange(len(owners)), owners[land.is_clicked]))
    numbers = np.zeros(int(parts.max(initial=0)) + 1, dtype=np.int32)
    numbers[parts[tuple(clicked.T)]] = np.arange(1, len(clicked) + 1)
    return numbers[parts]


def pairs_to_learn(labels: LabelMap, instances: InstanceMap) -> tuple[Floats, Mask]:
    """Pairs of parts of a mask whose objects are known, see `Parts.examples`."""
    found = []
    for class_id in _object_classes(labels):
        mask = labels == class_id
        ground = Ground.of(mask)
        land = Land.of(ground, smoothed(ground, depths(ground)), NO_CLICKS)
        (basin, number), counts = np.unique(
            np.stack([land.basins, instances[mask]]), axis=1, return_counts=True
        )
        is_most = counts >= MOST * land.areas[basin]
        objects = np.zeros(len(land.areas), dtype=np.int64)
        objects[basin[is_most]] = number[is_most]
        found.append(land.parts().examples(objects))
    if not found:
        return np.empty((0, FEATURES)), np.empty(0, dtype=np.bool_)
    features, is_one = zip(*found, strict=True)
    return np.concatenate(features), np.concatenate(is_one)


def _by_shape(land: Land, rules: Rules) -> Numbers:
    """For each basin the one that stands for its object, where nobody clicked."""
    if rules.joining is None:
        return land.joined(WAIST, rules.min_area)
    return land.parts().objects(rules.joining, rules.min_area)


def _divided(mask: Mask, clicked: Numbers, min_area: float | None) -> InstanceMap:
    """Numbers from 1 without gaps; `clicked` (n, 2), at least one, are pixels in the mask."""
    ground = Ground.of(mask)
    land = Land.of(ground, smoothed(ground, depths(ground)), clicked)
    is_clicked = np.zeros(len(land.areas), dtype=np.bool_)
    if min_area is None:
        owners = land.joined(WAIST_BY_A_CLICK, 0)
        usual = np.median(land.areas_of(owners)[land.is_clicked])
        smallest = max(MIN_AREA, SMALL * float(usual))
    else:
        smallest = min_area
    owners = land.joined(WAIST_BY_A_CLICK, smallest)
    is_clicked[owners[land.is_clicked]] = True
    is_kept = is_clicked | (land.areas_of(owners) >= smallest)
    if min_area is None and (is_kept & ~is_clicked).sum() <= LEFT_OUT * is_clicked.sum():
        owners = land.joined(0, 0)
        is_kept = is_clicked
    return land.image(owners, is_kept)


def _object_classes(labels: LabelMap) -> list[int]:
    is_present = np.zeros(IGNORE_INDEX + 1, dtype=np.bool_)
    is_present[labels] = True  # four times as fast as np.unique
    is_present[[BACKGROUND, IGNORE_INDEX]] = False
    present: list[int] = np.flatnonzero(is_present).tolist()
    return present


def _add(instances: InstanceMap, parts: InstanceMap) -> None:
    """Number the parts after the instances that are there."""
    count = int(instances.max(initial=0))
    np.copyto(instances, parts + count if count else parts, where=parts > 0)


def _grow(
    instances: InstanceMap,
    labels: LabelMap,
    places: Numbers,
    class_ids: npt.NDArray[np.int64],
    min_area: int,
) -> None:
    """Give a disc to each click whose object is missing or smaller than that."""
    areas = np.bincount(instances[instances > 0], minlength=1)
    owned, seen = instances[tuple(places.T)], labels[tuple(places.T)]
    is_whole = (seen == class_ids) & (areas[owned] >= min_area) & (owned > 0)
    usual = float(np.median(areas[owned[is_whole]])) if is_whole.any() else 0.0
    usual_radius = max(MIN_RADIUS, GROWN * float(np.sqrt(usual / np.pi)))
    is_missed = np.where(owned > 0, seen == class_ids, np.isin(seen, (BACKGROUND, IGNORE_INDEX)))
    missed = np.flatnonzero(is_missed & ~is_whole)
    missed = missed[np.unique(places[missed], axis=0, return_index=True)[1]]
    apart, _ = KDTree(places[missed]).query(places[missed], k=2)  # inf to none
    count = len(areas) - 1
    for index, radius in zip(missed, np.minimum(usual_radius, apart[:, 1] / 2), strict=True):
        row, col = places[index].tolist()
        top, left = max(0, row - int(radius)), max(0, col - int(radius))
        box = (slice(top, row + int(radius) + 1), slice(left, col + int(radius) + 1))
        number = int(instances[row, col])
        if not number:
            count = number = count + 1
        rows, cols = np.indices(instances[box].shape)
        is_free = np.hypot(rows + top - row, cols + left - col) <= radius
        is_free &= np.isin(instances[box], (0, number))
        is_free &= np.isin(labels[box], (BACKGROUND, IGNORE_INDEX, class_ids[index]))
        pieces, _ = ndimage.label(is_free)
        instances[box][pieces == pieces[row - top, col - left]] = number
