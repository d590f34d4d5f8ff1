"""Intersection over union, from one confusion matrix over all images and image by image."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from seminar.errors import SeminarError
from seminar.labels import IGNORE_INDEX, ClassNames, LabelMap

Confusion = npt.NDArray[np.int64]
"""(K, K + 1) pixels: rows are the true class, columns the predicted one; the last column is "no
class" (255 in the prediction).
"""


@dataclass(frozen=True)
class InstanceScores:
    """The scores of the objects of a set of images; means over the classes that have objects.

    Attributes
    ----------
    f1_50, f1_75 : float
        2 TP / (2 TP + FP + FN) over all objects of all images, in [0, 1]: TP are the pairs of a
        true and a predicted object of one class whose intersection over union is above .5 or .75.
        Above .5 no object can be in two pairs, so nothing has to be assigned.
    pq : float
        Panoptic quality: the sum of the IoU of the pairs above .5, over TP + FP/2 + FN/2
        (Kirillov et al. 2019, "Panoptic Segmentation", eq. 1).
    count_error : float
        |predicted - true| / true number of objects of an image, mean over images. An image without
        true objects counts as if it had one.
    """

    f1_50: float
    f1_75: float
    pq: float
    count_error: float


@dataclass(frozen=True)
class Scores:
    """The scores of a set of images, as fractions in [0, 1].

    Attributes
    ----------
    mean_iou : float
        Mean of `per_class_iou` over the classes that are present.
    per_class_iou : mapping of str to float or None
        Intersection over union of each class from one confusion matrix over all images; None where
        a class is neither in the truth nor predicted.
    per_image_iou : mapping of str to float or None
        Mean over the images in which the class is present (in the truth or the prediction) of that
        image's own IoU.
    images : int
    instances : InstanceScores, optional
        How well objects are found, where that was asked for.
    """

    mean_iou: float
    per_class_iou: Mapping[str, float | None]
    per_image_iou: Mapping[str, float | None]
    images: int
    instances: InstanceScores | None = None

    def to_json(self) -> str:
        """One line: ``{"mean_iou": x, "per_class_iou": {...}, "per_image_iou": {...}, "images":
        n}``, and with the scores of instances also ``"instances": {"f1_50": x, "f1_75": x, "pq": x,
        "count_error": x}``.
        """
        fields = asdict(self)
        return json.dumps({key: value for key, value in fields.items() if value is not None})


def confusion_matrix(truth: LabelMap, predicted: LabelMap, num_classes: int) -> Confusion:
    """Count the pixels of every pair of true and predicted class, (K, K + 1).

    Pixels with truth 255 are ignored. A pixel predicted as 255 (unsure) is a false negative of its
    true class and no false positive.

    Raises
    ------
    SeminarError
        Maps of different sizes, or a class id beyond `num_classes`.
    """
    if truth.shape != predicted.shape:
        raise SeminarError(
            f"expected a prediction of the truth's size {_size(truth)} (height x width), got "
            f"{_size(predicted)}; predict the same image"
        )
    for name, labels in (("truth", truth), ("prediction", predicted)):
        wrong = (labels >= num_classes) & (labels != IGNORE_INDEX)
        if wrong.any():
            raise SeminarError(
                f"the {name} has class id {int(labels[wrong][0])}, expected 0..{num_classes - 1} "
                f"or {IGNORE_INDEX}; correct the mask or add the class to classes.txt"
            )
    counted = truth != IGNORE_INDEX
    columns = np.where(predicted == IGNORE_INDEX, num_classes, predicted)[counted].astype(np.int64)
    cells = truth[counted].astype(np.int64) * (num_classes + 1) + columns
    return np.bincount(cells, minlength=num_classes * (num_classes + 1)).reshape(
        num_classes, num_classes + 1
    )


def class_iou(confusion: Confusion) -> tuple[float | None, ...]:
    """IoU of each class; None for a class that is in neither truth nor prediction."""
    hits = np.diagonal(confusion)
    union = confusion.sum(axis=1) + confusion[:, :-1].sum(axis=0) - hits
    return tuple(float(hit / all_) if all_ else None for hit, all_ in zip(hits, union, strict=True))


def mean_of_present(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are not None; None where there are none."""
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present else None


def score(pairs: Iterable[tuple[LabelMap, LabelMap]], classes: ClassNames) -> Scores:
    """Score pairs of truth and prediction, each (H, W) uint8; one pair is held at a time.

    Raises
    ------
    SeminarError
        No pair, or no pixel with known truth.
    """
    total = np.zeros((classes.num_classes, classes.num_classes + 1), dtype=np.int64)
    of_images: list[Sequence[float | None]] = []
    for truth, predicted in pairs:
        confusion = confusion_matrix(truth, predicted, classes.num_classes)
        total += confusion
        of_images.append(class_iou(confusion))
    per_class = class_iou(total)
    mean_iou = mean_of_present(per_class)
    if mean_iou is None:
        raise SeminarError(
            f"expected images with a known truth, got {len(of_images)} without one labelled pixel; "
            "choose another split"
        )
    per_image = [mean_of_present(column) for column in zip(*of_images, strict=True)]
    return Scores(
        mean_iou=mean_iou,
        per_class_iou=dict(zip(classes.names, per_class, strict=True)),
        per_image_iou=dict(zip(classes.names, per_image, strict=True)),
        images=len(of_images),
    )


def _size(labels: LabelMap) -> str:
    return " x ".join(map(str, labels.shape))
