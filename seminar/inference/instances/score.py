"""How well objects are found: F1 at two overlaps, panoptic quality, and the error of the count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from seminar.clicks.click_set import ClickSet
from seminar.clicks.object_classes import clicked_classes
from seminar.errors import SeminarError
from seminar.inference.metrics import InstanceScores, mean_of_present
from seminar.labels import BACKGROUND, IGNORE_INDEX, LabelMap

Numbers = npt.NDArray[np.integer]
"""(H, W) whole numbers: 0 is no object; the others need not be without gaps."""

LOOSE, STRICT = 0.5, 0.75
"""An object is found if its IoU is above this."""


@dataclass
class _Tally:
    """Of one class."""

    true: int = 0
    predicted: int = 0
    found: int = 0
    found_strictly: int = 0
    overlap: float = 0.0
    count_errors: list[float] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of one image and their classes.

    Attributes
    ----------
    numbers : ndarray, (H, W) integers
        0 is no object.
    labels : ndarray, (H, W) uint8
        Class ids; an object has the class of most of its pixels. In the truth, 255 is void:
        it counts for nothing, and so does a predicted object that lies in it by more than half.
    clicks : ClickSet, optional
        An object that has no class by `labels` has that of the click on it.
    """

    numbers: Numbers
    labels: LabelMap
    clicks: ClickSet | None = None


class InstanceTally:
    """Counts the objects of image after image, and scores them all."""

    def __init__(self, num_classes: int) -> None:
        self._tallies = {each: _Tally() for each in range(num_classes) if each != BACKGROUND}

    def add(self, truth: Objects, predicted: Objects) -> None:
        """Count one image.

        Raises
        ------
        SeminarError
            Maps of different sizes.
        """
        _count(truth, predicted, self._tallies)

    def scores(self) -> InstanceScores:
        """Of all images so far.

        Raises
        ------
        SeminarError
            No object in any truth.
        """
        present = [tally for tally in self._tallies.values() if tally.true]
        if not present:
            raise SeminarError(
                "expected objects in the truth of at least one image, got none; choose another "
                "split"
            )
        return InstanceScores(
            f1_50=_mean(_ratio(tally, tally.found) for tally in present),
            f1_75=_mean(_ratio(tally, tally.found_strictly) for tally in present),
            pq=_mean(_ratio(tally, tally.overlap) for tally in present),
            count_error=_mean(float(np.mean(tally.count_errors)) for tally in present),
        )


def score_instances(pairs: Iterable[tuple[Objects, Objects]], num_classes: int) -> InstanceScores:
    """Score pairs of truth and prediction; errors as of `InstanceTally`."""
    tally = InstanceTally(num_classes)
    for truth, predicted in pairs:
        tally.add(truth, predicted)
    return tally.scores()


def classes_of(objects: Objects) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The numbers of the objects, ascending, and the class of most pixels of each, (n,) int64.

    Background and void have no vote; an object that lies in nothing else, and is not clicked, has
    class 0.
    """
    inside = objects.numbers > 0
    numbers, places = np.unique(objects.numbers[inside], return_inverse=True)
    votes = np.zeros((len(numbers), IGNORE_INDEX + 1), dtype=np.int64)
    np.add.at(votes, (places, objects.labels[inside]), 1)
    votes[:, [BACKGROUND, IGNORE_INDEX]] = 0
    classes = votes.argmax(axis=1)
    clicked = clicked_classes(objects.numbers, objects.clicks)
    for index in np.flatnonzero(classes == BACKGROUND) if clicked else ():
        classes[index] = clicked.get(int(numbers[index]), BACKGROUND)
    return numbers.astype(np.int64), classes


def _count(truth: Objects, predicted: Objects, tallies: dict[int, _Tally]) -> None:
    if truth.numbers.shape != predicted.numbers.shape:
        sizes = [" x ".join(map(str, each.numbers.shape)) for each in (truth, predicted)]
        raise SeminarError(
            f"expected objects of the truth's size {sizes[0]} (height x width), got {sizes[1]}; "
            "divide the same image"
        )
    is_known = truth.labels != IGNORE_INDEX
    true_numbers, true_classes = classes_of(truth)
    numbers, classes = classes_of(predicted)
    whole = _areas(predicted.numbers, numbers)
    known = _areas(predicted.numbers * is_known, numbers)
    true_areas = _areas(truth.numbers * is_known, true_numbers)
    both = is_known & (truth.numbers > 0) & (predicted.numbers > 0)
    ours = np.searchsorted(numbers, predicted.numbers[both])
    theirs = np.searchsorted(true_numbers, truth.numbers[both])
    pairs, shared = np.unique(theirs * max(1, len(numbers)) + ours, return_counts=True)
    theirs, ours = np.divmod(pairs, max(1, len(numbers)))
    overlaps = shared / (true_areas[theirs] + known[ours] - shared)
    overlaps[true_classes[theirs] != classes[ours]] = 0
    is_counted = 2 * known >= whole
    is_counted[ours[overlaps > LOOSE]] = True
    for class_id, tally in tallies.items():
        good = overlaps[(true_classes[theirs] == class_id) & (overlaps > LOOSE)]
        num_true = int((true_classes == class_id).sum())
        num_predicted = int((is_counted & (classes == class_id)).sum())
        tally.true += num_true
        tally.predicted += num_predicted
        tally.found += len(good)
        tally.found_strictly += int((good > STRICT).sum())
        tally.overlap += float(good.sum())
        if num_true or num_predicted or len(tallies) == 1:
            tally.count_errors.append(abs(num_predicted - num_true) / max(1, num_true))


def _areas(numbers: Numbers, which: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Pixels of each of these numbers."""
    if not len(which):
        return np.zeros(0, dtype=np.int64)
    return np.bincount(numbers.ravel(), minlength=int(which[-1]) + 1)[which]


def _ratio(tally: _Tally, good: float) -> float:
    return 2 * good / (tally.true + tally.predicted)


def _mean(values: Iterable[float]) -> float:
    mean = mean_of_present(values)
    assert mean is not None
    return mean
