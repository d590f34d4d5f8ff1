"""Scores against sums that are done by hand, and laws that they keep."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seminar.errors import SeminarError
from seminar.inference.metrics import class_iou, confusion_matrix, mean_of_present, score
from seminar.labels import ClassNames

CLASSES = ClassNames.of("background", "cell", "debris")
MAPS = hnp.arrays(np.uint8, (5, 7), elements=st.sampled_from([0, 1, 2, 255]))


def labels(*rows: list[int]) -> np.ndarray:
    return np.array(rows, dtype=np.uint8)


def test_iou_by_hand() -> None:
    truth = labels([0, 0, 1, 1], [0, 255, 1, 1])
    predicted = labels([0, 1, 1, 1], [0, 2, 0, 1])
    # background: 2 hits, truth 3, predicted 3 -> 2 / 4; cell: 3 hits, truth 4, predicted 4 -> 3 /
    # 5; the void pixel's "debris" counts for nothing
    scores = score([(truth, predicted)], CLASSES)
    assert scores.per_class_iou == {"background": 0.5, "cell": 0.6, "debris": None}
    assert scores.mean_iou == pytest.approx(0.55)
    assert scores.per_image_iou == {"background": 0.5, "cell": 0.6, "debris": None}


def test_rows_are_true_and_columns_predicted_classes_with_no_class_last() -> None:
    truth = labels([0, 0, 0, 1, 1, 2, 255, 255])
    predicted = labels([0, 1, 1, 1, 255, 0, 2, 255])
    assert confusion_matrix(truth, predicted, 3).tolist() == [
        [1, 2, 0, 0],
        [0, 1, 0, 1],
        [1, 0, 0, 0],
    ]


@pytest.mark.parametrize("who", ["truth", "prediction"])
def test_one_class_too_many_is_refused(who: str) -> None:
    maps = {"truth": labels([0, 2]), "prediction": labels([0, 2])}
    assert confusion_matrix(maps["truth"], maps["prediction"], 3).sum() == 2
    maps[who] = labels([0, 3])
    with pytest.raises(SeminarError, match=r"class id 3, expected 0\.\.2"):
        confusion_matrix(maps["truth"], maps["prediction"], 3)


def test_the_mean_is_of_the_pooled_classes_that_are_there() -> None:
    """cell: 1 / 4 of all pixels, though 1 and 0 image by image; background 3 / 6; nothing of
    debris.
    """
    pairs = [(labels([1]), labels([1])), (labels([1, 1, 1, 0, 0, 0]), labels([0, 0, 0, 0, 0, 0]))]
    scores = score(pairs, CLASSES)
    assert scores.mean_iou == pytest.approx((1 / 4 + 3 / 6) / 2)
    assert scores.per_image_iou == {"background": 0.5, "cell": 0.5, "debris": None}


def test_a_class_that_is_only_predicted_counts_as_zero() -> None:
    scores = score([(labels([0, 0]), labels([0, 2]))], CLASSES)
    assert scores.per_class_iou == {"background": 0.5, "cell": None, "debris": 0.0}
    assert scores.mean_iou == 0.25


def test_an_unsure_prediction_is_a_miss_and_no_false_alarm() -> None:
    scores = score([(labels([0, 0, 1, 1]), labels([0, 255, 1, 255]))], CLASSES)
    assert scores.per_class_iou == {"background": 0.5, "cell": 0.5, "debris": None}


def test_pooled_and_per_image_means_differ_where_images_differ_in_size() -> None:
    small = (labels([1]), labels([1]))
    large = (labels([1, 1, 1, 0]), labels([1, 0, 0, 0]))
    scores = score([small, large], CLASSES)
    assert scores.images == 2
    assert scores.per_class_iou["cell"] == pytest.approx(2 / 4)
    assert scores.per_image_iou["cell"] == pytest.approx((1 + 1 / 3) / 2)
    assert scores.per_image_iou["background"] == pytest.approx(
        1 / 3
    )  # absent from the small image, which is left out


def test_json_has_the_fixed_keys() -> None:
    data = json.loads(score([(labels([0, 1]), labels([0, 1]))], CLASSES).to_json())
    assert data == {
        "mean_iou": 1.0,
        "per_class_iou": {"background": 1.0, "cell": 1.0, "debris": None},
        "per_image_iou": {"background": 1.0, "cell": 1.0, "debris": None},
        "images": 1,
    }


@settings(deadline=None)
@given(truth=MAPS, predicted=MAPS)
def test_matrix_counts_each_known_pixel_once_and_swapping_swaps_it(
    truth: np.ndarray, predicted: np.ndarray
) -> None:
    forward = confusion_matrix(truth, predicted, 3)
    assert forward.sum() == (truth != 255).sum()
    backward = confusion_matrix(predicted, truth, 3)
    np.testing.assert_array_equal(forward[:, :3], backward[:, :3].T)
    for value in class_iou(forward):
        assert value is None or 0 <= value <= 1


@settings(deadline=None)
@given(truth=MAPS)
def test_truth_itself_scores_one(truth: np.ndarray) -> None:
    values = class_iou(confusion_matrix(truth, truth, 3))
    assert mean_of_present(values) in (1.0, None)


def test_sizes_must_agree() -> None:
    with pytest.raises(SeminarError, match=r"2 x 2 \(height x width\), got 2 x 3"):
        confusion_matrix(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), 2)


@pytest.mark.parametrize("who", ["truth", "prediction"])
def test_class_ids_beyond_the_classes_are_named(who: str) -> None:
    maps = {"truth": labels([0, 1]), "prediction": labels([0, 1])}
    maps[who] = labels([0, 7])
    with pytest.raises(SeminarError, match=f"the {who} has class id 7, expected 0..2 or 255"):
        confusion_matrix(maps["truth"], maps["prediction"], 3)


@pytest.mark.parametrize("pairs", [[], [(labels([255]), labels([0]))]])
def test_nothing_to_score_is_an_error(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    with pytest.raises(SeminarError, match="without one labelled pixel"):
        score(pairs, CLASSES)
