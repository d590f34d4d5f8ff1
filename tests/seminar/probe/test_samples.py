"""What is learnt from: all clicks, or of too many a part that hardly depends on the others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from seminar.probe import samples as module
from seminar.probe.samples import Lesson, PixelFeatures, Samples, lesson, moments, ranks_of

Ids = npt.NDArray[np.int64]


def samples_of(image_id: str, class_ids: Ids, first: int = 0) -> Samples:
    """Clicks in a row, from the column `first` on; the features of each are its column twice."""
    cols = first + np.arange(len(class_ids))
    places = np.stack([np.full(len(cols), 7), cols], axis=1)
    features = np.stack([cols, cols], axis=1).astype(np.float16)
    around = np.full((2, 2), len(cols), dtype=np.float32)
    at = PixelFeatures(places, features, around, 3)
    return Samples("key", class_ids, at, ranks_of(image_id, places))


def learnt(*samples: Samples) -> Lesson:
    return lesson(samples, 4)


def columns(given: Lesson, class_id: int) -> set[int]:
    return set(given.features[given.class_ids == class_id, 0].astype(int).tolist())


def test_all_clicks_are_learnt_from_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CLICKS", 7)
    given = learnt(samples_of("a", np.array([0, 2, 2])), samples_of("b", np.array([2, 0, 0, 0])))
    assert given.features.dtype == np.float32
    np.testing.assert_array_equal(given.features[:, 0], [0, 1, 2, 0, 1, 2, 3])
    np.testing.assert_array_equal(given.class_ids, [0, 2, 2, 2, 0, 0, 0])
    np.testing.assert_array_equal(given.counts, [4, 0, 3, 0])
    np.testing.assert_allclose(given.variances, 3.5 + 0.25)  # within images, and between them


def test_of_too_many_clicks_as_many_of_each_class_are_learnt_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_CLICKS", 300)
    class_ids = np.random.default_rng(0).permutation(np.repeat([0, 1, 3], [900, 250, 7]))
    whole = samples_of("a", class_ids)
    given = learnt(whole)
    assert np.bincount(given.class_ids).tolist() == [100, 100, 0, 7]
    np.testing.assert_array_equal(given.counts, [900, 250, 0, 7])
    for class_id in (0, 1, 3):
        assert columns(given, class_id) <= set(np.flatnonzero(class_ids == class_id).tolist())
    spread = np.array(sorted(columns(given, 0)))
    assert spread.min() < 50 and spread.max() > 1100 and np.diff(spread).max() < 120


def test_one_click_more_changes_hardly_which_others_are_learnt_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_CLICKS", 200)
    class_ids = np.repeat([0, 1], 500)
    before = learnt(samples_of("a", class_ids), samples_of("b", class_ids[:1], first=2000))
    after = learnt(samples_of("a", class_ids), samples_of("b", class_ids[:2], first=2000))
    for class_id in (0, 1):
        assert len(columns(before, class_id) ^ columns(after, class_id)) <= 2
    apart = learnt(samples_of("other", class_ids), samples_of("b", class_ids[:1], first=2000))
    assert len(columns(apart, 0) ^ columns(before, 0)) > 100


def test_moments_are_mean_and_variance() -> None:
    features = np.random.default_rng(0).normal(5, 2, (64, 3)).astype(np.float32)
    np.testing.assert_allclose(moments(features), [features.mean(0), features.var(0)], rtol=1e-5)
