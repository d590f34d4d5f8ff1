"""Clicks simulated from dense truth, placed as a person would place them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import label

from seminar.clicks.click_set import ClickSet
from seminar.clicks.mistakes import make_mistakes
from seminar.errors import SeminarError
from seminar.labels import BACKGROUND, IGNORE_INDEX, LabelMap

SPECK_PIXELS = 9
"""Objects of fewer pixels are specks, on which nobody clicks."""

SPECK_SHARE = 1e-4
"""So are connected components below this share of the image (52 pixels of 720 x 720), but not the
objects of an instance mask: somebody drew them.
"""

MIDDLE = 0.7
"""Clicks fall where the distance to the object's edge is at least this share of the largest."""

NEAR = (2.0, 8.0)
"""Half of the background clicks are this far from an object, in pixels; the others further away
where there is room.
"""

MAX_SIDE = 256
"""Longer objects, in pixels, are sampled down to this length before their middle is computed."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ClickStyle:
    """How a person clicks: carefully, or fewer, wrong and scattered clicks.

    Attributes
    ----------
    background : int, optional
        Clicks on the background of each image, 0 or more, in place of as many as there are clicks
        on its objects. With 0, an image without objects has no clicks.
    share : float
        Share of the objects of each image that is clicked, in (0, 1]; at least one object is. The
        objects of a smaller share are among those of a larger one.
    wrong : float
        Share of all clicks that is wrong, in [0, 1]; see `seminar.clicks.mistakes`.
    spread : bool
        Clicks are anywhere in their object, not near its middle.

    Raises
    ------
    SeminarError
        A value is out of range.
    """

    background: int | None = None
    share: float = 1.0
    wrong: float = 0.0
    spread: bool = False

    def __post_init__(self) -> None:
        if self.background is not None and self.background < 0:
            raise SeminarError(
                "background: expected the number of clicks on the background of each image, 0 or "
                f"more, got {self.background}; leave it out for as many as on objects"
            )
        if not 0 < self.share <= 1:
            raise SeminarError(
                "share: expected the share of the objects to click, above 0 and at most 1, got "
                f"{self.share}; 0.5 is half of them"
            )
        if not 0 <= self.wrong <= 1:
            raise SeminarError(
                "wrong: expected the share of the clicks that are wrong, from 0 to 1, got "
                f"{self.wrong}; 0.05 is one in twenty"
            )


CAREFUL = ClickStyle()


def simulate_clicks(
    truth: LabelMap,
    objects: npt.NDArray[np.integer] | None,
    rng: np.random.Generator,
    *,
    style: ClickStyle = CAREFUL,
    num_classes: int = 2,
) -> ClickSet:
    """One click near the middle of every object, and as many on the background.

    Parameters
    ----------
    truth : ndarray, (H, W) uint8
        Class ids; 255 is void and never clicked.
    objects : ndarray, (H, W) int, optional
        Object numbers, 0 = none. A class without objects there gets one click per connected
        component (8 neighbours) instead.
    rng : numpy.random.Generator
    style : ClickStyle
        Fewer, wrong or scattered clicks.
    num_classes : int
        Classes that a wrong click may have, with the background.

    Returns
    -------
    ClickSet
        On whole pixels, first those on objects. An image without objects gets one click, on the
        background, or as many as `style` says; an image without background gets none on it.

    Notes
    -----
    A person aims at the middle and misses it slightly, but hits the object: the pixel is random
    among those with at least `MIDDLE` of the largest distance to the edge (distance transform).
    Specks (`SPECK_SHARE`, `SPECK_PIXELS`) get no click.
    """
    if objects is not None and objects.shape != truth.shape:
        raise ValueError(
            f"expected objects of the truth's shape {truth.shape}, got {objects.shape}"
        )
    numbered, classes, num_drawn = _numbered_objects(truth, objects)
    points: list[tuple[int, int]] = []
    clicked: list[int] = []
    smallest_component = max(SPECK_PIXELS, math.ceil(SPECK_SHARE * truth.size))
    for number, window in enumerate(ndimage.find_objects(numbered), start=1):
        mask = numbered[window] == number
        is_drawn = number <= num_drawn
        if np.count_nonzero(mask) >= (SPECK_PIXELS if is_drawn else smallest_component):
            row, col = _pick(mask, 1, rng)[0] if style.spread else _near_middle(mask, rng)
            points.append((window[0].start + row, window[1].start + col))
            clicked.append(number)
    if style.share < 1 and points:
        kept = _share_of(len(points), style.share, rng)
        points, clicked = [points[index] for index in kept], [clicked[index] for index in kept]
    count = max(1, len(points)) if style.background is None else style.background
    background = _background_points(truth, count, rng)
    height, width = truth.shape
    clicks = ClickSet(
        height,
        width,
        np.array(points + background, dtype=np.float64),
        np.array(
            [classes[number - 1] for number in clicked] + [BACKGROUND] * len(background),
            dtype=np.int64,
        ),
    )
    if not style.wrong:
        return clicks
    return make_mistakes(
        clicks, truth, numbered, clicked, share=style.wrong, num_classes=num_classes, rng=rng
    )


def _share_of(count: int, share: float, rng: np.random.Generator) -> list[int]:
    """Indices of a share of `count` things, at least one, in order.

    The start of one random order: a larger share adds to a smaller one.
    """
    kept = rng.permutation(count)[: max(1, math.floor(share * count + 0.5))]
    return sorted(kept.tolist())


def _numbered_objects(
    truth: LabelMap, objects: npt.NDArray[np.integer] | None
) -> tuple[npt.NDArray[np.int32], list[int], int]:
    """(H, W) map of objects 1..n, 0 = none; the class of each; how many of them were drawn.

    The drawn objects come first, then the connected components.
    """
    is_object = (truth != BACKGROUND) & (truth != IGNORE_INDEX)
    numbered = np.zeros(truth.shape, dtype=np.int32)
    classes: list[int] = []
    if objects is not None:
        kept = is_object & (objects != 0)
        _, inverse = np.unique(objects[kept], return_inverse=True)
        numbered[kept] = inverse + 1
        classes = _majority_classes(numbered[kept], truth[kept])
    rest = is_object & ~np.isin(truth, classes)
    components = label(np.where(rest, truth, 0), background=0, connectivity=2)
    numbered[rest] = components[rest] + len(classes)
    first = np.unique(components[rest], return_index=True)[1]
    return numbered, classes + truth[rest][first].tolist(), len(classes)


def _majority_classes(numbers: npt.NDArray[np.int32], class_ids: LabelMap) -> list[int]:
    """The most frequent class among the pixels of each object 1..n."""
    votes = np.zeros((int(numbers.max(initial=0)), IGNORE_INDEX), dtype=np.int64)
    np.add.at(votes, (numbers - 1, class_ids), 1)
    return list(map(int, votes.argmax(axis=1)))


def _near_middle(mask: Mask, rng: np.random.Generator) -> tuple[int, int]:
    """A random pixel near the middle of the mask."""
    step = max(1, math.ceil(max(mask.shape) / MAX_SIDE))
    depth = _depth(mask[::step, ::step])
    if not depth.any():  # too thin for the coarse grid
        step, depth = 1, _depth(mask)
    rows, cols = np.nonzero(depth >= MIDDLE * depth.max())
    pick = rng.integers(len(rows))
    return int(rows[pick]) * step, int(cols[pick]) * step


def _depth(mask: Mask) -> npt.NDArray[np.float64]:
    """Distance to the nearest pixel outside the mask or the window; 0 outside."""
    depth: npt.NDArray[np.float64] = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return depth


def _background_points(
    truth: LabelMap, count: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """`count` pixels of the background, half of them near objects, or all if it has fewer."""
    is_background = truth == BACKGROUND
    if not is_background.any():
        return []
    if is_background.all():
        return _pick(is_background, count, rng)
    distance = ndimage.distance_transform_edt(is_background)
    near = _pick(
        (distance >= NEAR[0]) & (distance <= NEAR[1]), (count + int(rng.integers(2))) // 2, rng
    )
    far = _pick(distance > NEAR[1], count - len(near), rng)
    missing = count - len(near) - len(far)
    if missing:  # little background: anywhere on it
        taken = np.zeros_like(is_background)
        taken[tuple(np.array(near + far, dtype=np.int64).reshape(-1, 2).T)] = True
        far += _pick(is_background & ~taken, missing, rng)
    return near + far


def _pick(mask: Mask, count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """`count` different pixels of the mask, or all if it has fewer."""
    where = np.flatnonzero(mask)
    picked = rng.choice(where, size=min(count, len(where)), replace=False, shuffle=False)
    return [(int(index) // mask.shape[1], int(index) % mask.shape[1]) for index in picked]
