"""From a mask and clicks to numbered objects, whole or, after a click, one object alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from seminar.clicks.click_set import ClickSet, pixels
from seminar.inference.instances.divide import divide_labels
from seminar.inference.instances.files import as_16_bit, write_instances
from seminar.inference.instances.learnt_rules import rules_of
from seminar.inference.instances.split import split_object
from seminar.labels import BACKGROUND, LabelMap
from seminar.project.layout import INSTANCES
from seminar.project.project import Project
from seminar_napari.inspect.frames import Stamp

Numbers = npt.NDArray[np.uint16]
"""(H, W) uint16: 0 is no object; numbers may have gaps."""


Box = tuple[slice, slice]


BOX = 48
"""Pixels around a click in which its object is looked for first."""


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask to divide.

    Attributes
    ----------
    labels : ndarray, (H, W) uint8
        May change afterwards: whoever keeps it takes a copy.
    words : str
        Whose mask it is, for people.
    stamp : Stamp
        The file that it was read from, and its version.
    model : Path or None
        Folder of the run that made it, which may know how small an object can be.
    """

    labels: LabelMap
    words: str
    stamp: Stamp
    model: Path | None = None


@dataclass(frozen=True, eq=False)
class Objects:
    """Numbered objects of one image.

    Attributes
    ----------
    image_id : str
    numbers : ndarray, (H, W) uint16, or None
        None where none were made yet.
    clicks : ClickSet or None
        By which the mask was divided; None where the objects were read from their file.
    mask : Mask or None
        Likewise.
    count : int
        How many objects there are.
    """

    image_id: str
    numbers: Numbers | None
    clicks: ClickSet | None = None
    mask: Mask | None = None
    count: int = 0

    @property
    def text(self) -> str:
        """How many there are, and from which mask, in a sentence or two."""
        if self.numbers is None:
            return ""
        count = "1 object" if self.count == 1 else f"{self.count:,} objects"
        file = f"{INSTANCES}/{self.image_id}.tif"
        if self.clicks is None or self.mask is None:
            return f"{count} as saved in {file}."
        how = "one a click" if has_object_clicks(self.clicks) else "by shape: no object clicks here"
        return f"{count} from the {self.mask.words}, {how}. Saved as {file}."


def instances_path(project: Project, image_id: str) -> Path:
    """Where the instances of an image are kept."""
    return project.path / INSTANCES / f"{image_id}.tif"


def has_object_clicks(clicks: ClickSet) -> bool:
    """Whether objects can be separated by clicks."""
    return bool((clicks.class_ids != BACKGROUND).any())


def make_objects(
    path: Path, image_id: str, mask: Mask, clicks: ClickSet, before: Numbers | None
) -> Objects:
    """Divide the mask by the clicks, or without object clicks by shape, and write the tif.

    Objects that were there in `before` keep their numbers.

    Raises
    ------
    SeminarError, OSError
        More objects than the tif can number; a file that cannot be written.
    """
    rules = rules_of(mask.model) if mask.model is not None else None
    numbers = as_16_bit(divide_labels(mask.labels, clicks, rules), str(path))
    refused = _refused(numbers, clicks)
    if len(refused):
        numbers[np.isin(numbers, refused)] = 0
    if before is not None and before.shape == numbers.shape:
        numbers = with_old_numbers(numbers, before)
    write_instances(path, numbers.astype(np.int32))
    return Objects(image_id, numbers, clicks, mask, _counted(numbers))


def read_objects(path: Path, image_id: str) -> Objects:
    """Read the tif of `make_objects`; no numbers where it is missing or damaged."""
    try:
        numbers = np.asarray(tifffile.imread(path), dtype=np.uint16)
        return Objects(image_id, numbers, count=_counted(numbers))
    except (FileNotFoundError, tifffile.TiffFileError):
        return Objects(image_id, None)


def after_click(found: Objects, labels: LabelMap, clicks: ClickSet) -> tuple[Objects, Box] | None:
    """The objects after the last of these clicks, without dividing the whole mask anew.

    A second click on an object splits it, one of the background removes it. Only the box of the
    object is looked at, and returned with the objects. None where the whole mask has to be divided:
    beside all objects, on another class, or against an object's own click.
    """
    (row, col), class_id, numbers = pixels(clicks.points)[-1], clicks.class_ids[-1], found.numbers
    if numbers is None or numbers.shape != labels.shape or not clicks.inside()[-1]:
        return None
    number = int(numbers[row, col])
    own = _own_clicks(numbers, clicks, class_id=int(labels[row, col]), number=number)
    is_removed = class_id == BACKGROUND and not len(own)
    if not number or not (is_removed or class_id == labels[row, col]):
        return None
    box = _box_around(numbers, int(row), int(col))
    part, gained = numbers[box].astype(np.int32), 0
    if is_removed:
        part[part == number] = 0
        gained = -1
    elif len(np.unique(pixels(own), axis=0)) > 1:
        highest = part.max()
        split = split_object(part, number, own - (box[0].start, box[1].start))
        is_new = split > highest
        part[is_new] = split[is_new] - highest + int(numbers.max())
        gained = len(np.unique(split[is_new]))
    whole = numbers.copy()
    whole[box] = as_16_bit(part, f"{INSTANCES}/{found.image_id}.tif")
    return Objects(found.image_id, whole, clicks, found.mask, found.count + gained), box


def with_old_numbers(new: Numbers, before: Numbers) -> Numbers:
    """Number objects as those of `before` that they overlap most; the others by free numbers."""
    both = (new > 0) & (before > 0)
    pairs, counts = np.unique(new[both].astype(np.int64) << 16 | before[both], return_counts=True)
    names = np.zeros(int(new.max(initial=0)) + 1, dtype=np.uint16)
    taken: set[int] = set()
    for pair in pairs[np.argsort(-counts, kind="stable")].tolist():
        now, then = pair >> 16, pair & 0xFFFF
        if not names[now] and then not in taken:
            names[now] = then
            taken.add(then)
    nameless = np.setdiff1d(np.unique(new[new > 0]), np.flatnonzero(names))
    free = np.setdiff1d(np.arange(1, len(taken) + len(nameless) + 1), list(taken))
    names[nameless] = free[: len(nameless)]
    return names[new]


def _counted(numbers: Numbers) -> int:
    return int(np.count_nonzero(np.bincount(numbers.ravel())[1:]))


def _box_around(numbers: Numbers, row: int, col: int) -> Box:
    """A box with the whole object at this pixel, looked for further and further."""
    reach = BOX
    while True:
        top, left = max(0, row - reach), max(0, col - reach)
        box = slice(top, row + reach + 1), slice(left, col + reach + 1)
        is_object = numbers[box] == numbers[row, col]
        sides = (
            (is_object[0], top),
            (is_object[-1], box[0].stop < numbers.shape[0]),
            (is_object[:, 0], left),
            (is_object[:, -1], box[1].stop < numbers.shape[1]),
        )
        if not any(goes_on and side.any() for side, goes_on in sides):
            return box
        reach *= 2


def _own_clicks(
    numbers: Numbers, clicks: ClickSet, *, class_id: int, number: int
) -> npt.NDArray[np.float64]:
    """The clicks of this class on the object."""
    points = clicks.points[clicks.inside() & (clicks.class_ids == class_id)]
    is_own: npt.NDArray[np.bool_] = numbers[tuple(pixels(points).T)] == number
    return np.asarray(points[is_own])


def _refused(numbers: Numbers, clicks: ClickSet) -> npt.NDArray[np.uint16]:
    """Objects with a background click on them and no other."""
    inside = clicks.inside()
    under = numbers[tuple(pixels(clicks.points[inside]).T)]
    is_background = clicks.class_ids[inside] == BACKGROUND
    refused = np.setdiff1d(under[is_background], under[~is_background])
    return refused[refused > 0]
