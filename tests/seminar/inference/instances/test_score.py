"""F1, panoptic quality and count error, by numbers that were worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.inference.instances.score import Objects, classes_of, score_instances

IGNORED = 255


def objects(*spans: tuple[int, int], labels: np.ndarray | None = None, size: int = 40) -> Objects:
    """Objects side by side in one row, from and to these columns."""
    numbers = np.zeros((1, size), dtype=np.int32)
    for number, (start, stop) in enumerate(spans, start=1):
        numbers[0, start:stop] = 3 * number  # with gaps
    return Objects(numbers, (numbers > 0).astype(np.uint8) if labels is None else labels)


def test_scores_of_one_image() -> None:
    truth = objects((0, 10), (10, 20), (20, 30))
    found = objects((0, 10), (10, 16), (25, 35), (36, 38))  # IoU 1, .6, 1/3, and one of nothing
    scores = score_instances([(truth, found)], 2)
    assert scores.f1_50 == pytest.approx(4 / 7)
    assert scores.f1_75 == pytest.approx(2 / 7)
    assert scores.pq == pytest.approx(1.6 / (2 + 2 / 2 + 1 / 2))
    assert scores.count_error == pytest.approx(1 / 3)


def test_images_are_pooled_but_counts_are_averaged() -> None:
    scores = score_instances(
        [
            (objects((0, 10), (10, 20)), objects((0, 10))),
            (objects(), objects((0, 5), (5, 10))),
            (objects((0, 4)), objects((0, 4))),
        ],
        2,
    )
    assert scores.f1_50 == pytest.approx(2 * 2 / (3 + 4))
    assert scores.count_error == pytest.approx((1 / 2 + 2 + 0) / 3)


def test_half_an_overlap_is_not_enough() -> None:
    assert score_instances([(objects((0, 10)), objects((0, 5)))], 2).f1_50 == 0


def test_objects_of_another_class_are_not_found_and_classes_count_alike() -> None:
    labels = np.ones((1, 40), np.uint8)
    labels[0, 20:] = 2
    truth = objects((0, 10), (20, 30), labels=labels)
    found = objects((0, 10), (20, 30), labels=np.ones((1, 40), np.uint8))
    scores = score_instances([(truth, found)], 3)
    assert scores.f1_50 == pytest.approx((2 / 3 + 0) / 2)
    assert scores.count_error == pytest.approx((1 + 1) / 2)


def test_void_counts_for_nothing() -> None:
    labels = np.ones((1, 40), np.uint8)
    labels[0, 8:30] = IGNORED
    truth = objects((0, 8), (8, 12), labels=labels)
    found = objects((0, 16), (16, 29), (29, 40))  # the first half in it, the second wholly
    scores = score_instances([(truth, found)], 2)
    assert scores.f1_50 == pytest.approx(2 / 3)
    assert scores.pq == pytest.approx(1 / 1.5)


def test_the_class_of_an_object_is_that_of_most_pixels_in_a_class() -> None:
    labels = np.array([[0, 0, 0, 2, 1, 1, 0, 255]], np.uint8)
    numbers, classes = classes_of(Objects(np.array([[4, 4, 4, 4, 4, 4, 9, 9]]), labels))
    assert (numbers.tolist(), classes.tolist()) == ([4, 9], [1, 0])


def test_an_object_that_the_mask_misses_has_the_class_of_its_click() -> None:
    clicks = ClickSet(1, 8, np.array([[0, 1], [0, 5], [0, 6]]), np.array([2, 2, 0]))
    found = Objects(
        np.array([[4, 4, 4, 0, 9, 9, 9, 0]]), np.array([[0, 0, 0, 0, 1, 0, 0, 0]], np.uint8), clicks
    )
    assert classes_of(found)[1].tolist() == [2, 1]
    assert classes_of(Objects(found.numbers, found.labels, ClickSet(5, 5)))[1].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (lambda: [(objects(), objects((0, 4)))], "expected objects in the truth"),
        (list, "expected objects in the truth"),
        (lambda: [(objects((0, 4)), objects(size=30))], r"size 1 x 40 .* got 1 x 30"),
    ],
)
def test_what_cannot_be_scored_is_a_sentence(
    pairs: Callable[[], list[tuple[Objects, Objects]]], message: str
) -> None:
    with pytest.raises(SeminarError, match=message):
        score_instances(pairs(), 2)


def test_seventy_thousand_objects_are_scored() -> None:
    numbers = np.arange(1, 280_001).reshape(500, 560) // 4
    same = Objects(numbers, np.ones(numbers.shape, np.uint8))
    assert score_instances([(same, same)], 2).pq == 1
