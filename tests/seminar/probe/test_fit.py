"""The fit is the minimum of the loss that it names, whatever the order and number of clicks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seminar.probe import fit as fit_module
from seminar.probe.fit import ABSENT, Fit, fit

Floats = npt.NDArray[np.float64]


@pytest.fixture(autouse=True, scope="module")
def by_clicks_alone() -> Iterator[None]:
    """Features are standardised by the clicks, but for the tests of the pixels around them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_module, "AROUND", 0)
        yield


def clicks(
    counts: dict[int, int], width: int = 6, seed: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Features and classes of so many clicks of each class; the classes overlap."""
    rng = np.random.default_rng(seed)
    class_ids = np.repeat(list(counts), list(counts.values()))
    centres = rng.normal(size=(max(counts) + 1, width))
    features = centres[class_ids] + rng.normal(size=(len(class_ids), width))
    units = 10.0 ** rng.uniform(-2, 2, width)  # features come in units of their own
    order = rng.permutation(len(class_ids))
    return (features * units + 3)[order].astype(np.float32), class_ids[order]


def fitted(
    features: npt.NDArray[np.floating],
    class_ids: npt.NDArray[np.int64],
    *,
    num_classes: int = 3,
    strength: float = 0.05,
    scales: Floats | None = None,
    variances: Floats | None = None,
) -> Fit:
    return fit(
        features,
        class_ids,
        num_classes=num_classes,
        scales=np.ones(features.shape[1]) if scales is None else scales,
        strength=strength,
        variances=np.zeros(features.shape[1]) if variances is None else variances,
    )


def logits(found: Fit, features: npt.NDArray[np.floating]) -> Floats:
    values: Floats = features.astype(np.float64) @ found.weights.T.astype(np.float64) + found.bias
    return values


def slopes(
    found: Fit,
    features: npt.NDArray[np.float32],
    class_ids: npt.NDArray[np.int64],
    *,
    strength: float,
    scales: Floats,
) -> tuple[Floats, Floats]:
    """Derivatives of the loss by weights and biases, class by class and sample by sample."""
    present = np.unique(class_ids)
    values = features.astype(np.float64)
    share = np.array([1 / (class_ids == each).sum() / len(present) for each in class_ids])
    mean = (share[:, None] * values).sum(axis=0)
    deviation = np.sqrt((share[:, None] * (values - mean) ** 2).sum(axis=0))
    inputs = (values - mean) / deviation * scales
    exponentials = np.exp(logits(found, features)[:, present])
    probs = exponentials / exponentials.sum(axis=1, keepdims=True)
    by_weight, by_bias = [], []
    for column, each in enumerate(present):
        error = share * (probs[:, column] - (class_ids == each))
        weight = found.weights[each].astype(np.float64) * deviation / scales
        by_weight.append(error @ inputs + strength * weight)
        by_bias.append(error.sum())
    return np.array(by_weight), np.array(by_bias)


@settings(max_examples=25)
@given(
    counts=st.dictionaries(st.integers(0, 5), st.integers(1, 40), min_size=2, max_size=6),
    width=st.integers(1, 30),
    strength=st.floats(0.01, 2),
    seed=st.integers(0, 2**31),
)
def test_the_loss_is_flat_at_what_is_found(
    counts: dict[int, int], width: int, strength: float, seed: int
) -> None:
    features, class_ids = clicks(counts, width, seed)
    scales = np.random.default_rng(seed).uniform(0.3, 1, width)
    assume(np.ptp(features, axis=0).min() > 0)
    found = fitted(features, class_ids, num_classes=6, strength=strength, scales=scales)
    given_ = {"strength": strength, "scales": scales}
    by_weight, by_bias = slopes(found, features, class_ids, **given_)
    start = Fit(np.zeros_like(found.weights), np.zeros_like(found.bias), found.coordinates)
    before, _ = slopes(start, features, class_ids, **given_)
    assert np.abs(by_weight).max() < 2e-3 * max(1, np.abs(before).max())
    assert np.abs(by_bias).max() < 2e-3


@pytest.mark.parametrize("counts", [{0: 30, 1: 50}, {0: 6, 1: 600}, {0: 20, 1: 5, 2: 60}])
def test_scikit_learn_finds_the_same_minimum(counts: dict[int, int]) -> None:
    """Its loss is ours times the number of samples; of two classes it has one set of weights,
    which is the difference of ours.
    """
    linear = pytest.importorskip("sklearn.linear_model")
    features, class_ids = clicks(counts)
    strength = 0.1
    found = fitted(features, class_ids, strength=strength)
    share = np.array([1 / counts[each] / len(counts) for each in class_ids])
    mean = share @ features
    deviation = np.sqrt(share @ (features - mean) ** 2)
    is_binary = len(counts) == 2
    theirs = linear.LogisticRegression(
        C=1 / len(features) / (strength / 2 if is_binary else strength),
        class_weight="balanced",
        tol=1e-10,
        max_iter=10_000,
    ).fit((features - mean) / deviation, class_ids)
    expected = theirs.decision_function((features - mean) / deviation)
    ours = logits(found, features)[:, list(counts)]
    if is_binary:
        ours = ours[:, 1] - ours[:, 0]
    else:  # up to what is the same for all classes
        ours, expected = (
            values - values.mean(axis=1, keepdims=True) for values in (ours, expected)
        )
    np.testing.assert_allclose(ours, expected, atol=0.02 * np.abs(expected).max())


def test_two_clicks_by_hand() -> None:
    """One feature at 1 and at 3: standardised -1 and 1. With the weights -w and w the loss is
    log(1 + exp(-2 w)) + 2 * strength / 2 * w^2.
    """
    from scipy.optimize import brentq

    strength = 0.3
    found = fitted(
        np.array([[3.0], [1.0]], np.float32), np.array([1, 0]), num_classes=2, strength=strength
    )
    weight = brentq(lambda w: -2 / (1 + np.exp(2 * w)) + 2 * strength * w, 0, 10)
    np.testing.assert_allclose(found.weights, [[-weight], [weight]], rtol=1e-3)
    np.testing.assert_allclose(found.bias, [2 * weight, -2 * weight], rtol=1e-3)


@settings(max_examples=10)
@given(
    order=st.permutations(range(40)),
    flat=st.integers(0, 12),
    counts=st.lists(st.integers(1, 9), min_size=2, max_size=4),
)
def test_the_order_of_clicks_does_not_move_a_single_bit(
    order: list[int], flat: int, counts: list[int]
) -> None:
    """Also where clicks lie on a black background: their fine features are all the same."""
    features, class_ids = clicks(dict(enumerate(counts)), 12)
    features[:, :flat] = 0
    shuffled = [number for number in order if number < len(class_ids)]
    one = fitted(features, class_ids, num_classes=4)
    other = fitted(features[shuffled], class_ids[shuffled], num_classes=4)
    np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(one.bias, other.bias)


def test_a_class_counts_as_much_as_another_however_few_clicks_it_has() -> None:
    """Each click of a class a hundred times changes nothing."""
    features, class_ids = clicks({0: 6, 1: 6})
    often = np.concatenate([features, np.repeat(features[class_ids == 1], 99, axis=0)])
    often_ids = np.concatenate([class_ids, np.ones(99 * 6, np.int64)])
    one, other = fitted(features, class_ids), fitted(often, often_ids)
    np.testing.assert_allclose(logits(one, features), logits(other, features), atol=0.02, rtol=0.02)


def test_with_six_against_six_hundred_neither_class_swallows_the_other() -> None:
    features, class_ids = clicks({0: 6, 1: 600}, width=2, seed=3)
    labels = logits(fitted(features, class_ids, strength=0.02), features)[:, :2].argmax(axis=1)
    hits = [(labels[class_ids == each] == each).mean() for each in (0, 1)]
    assert min(hits) > 0.6
    rng = np.random.default_rng(0)
    blind = rng.normal(size=features.shape).astype(np.float32)  # nothing to tell them apart by
    probs = logits(fitted(blind, class_ids, strength=2.0), blind)[:, :2]
    assert np.abs(probs[:, 1] - probs[:, 0]).mean() < 0.3


@given(present=st.sets(st.integers(0, 6), min_size=2, max_size=5), seed=st.integers(0, 2**31))
@settings(max_examples=10)
def test_a_class_without_clicks_is_never_predicted(present: set[int], seed: int) -> None:
    features, class_ids = clicks(dict.fromkeys(present, 4), seed=seed)
    found = fitted(features, class_ids, num_classes=7)
    far = 10 * np.random.default_rng(seed).normal(size=(200, features.shape[1]))
    anywhere = np.concatenate([features, features.mean(axis=0) + far * features.std(axis=0)])
    assert set(logits(found, anywhere).argmax(axis=1)) <= present
    absent = [each for each in range(7) if each not in present]
    assert not found.weights[absent].any()
    assert (found.bias[absent] == ABSENT).all()


def test_a_stream_with_a_smaller_scale_is_trusted_less() -> None:
    """Two features say the same; the weights of unit variance go as the square of the scales."""
    features, class_ids = clicks({0: 20, 1: 20}, width=1)
    twice = np.concatenate([features, features], axis=1)
    found = fitted(twice, class_ids, scales=np.array([1.0, 0.5]))
    np.testing.assert_allclose(found.weights[:2, 1], found.weights[:2, 0] / 4, rtol=1e-3)


def test_few_clicks_are_measured_against_the_pixels_around_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twice the spread around as at the clicks, and as many: as if the feature had that scale."""
    features, class_ids = clicks({0: 20, 1: 20})
    monkeypatch.setattr(fit_module, "AROUND", len(features))
    share = np.full(len(features), 1 / len(features))
    spread = share @ (features - share @ features) ** 2
    found = fitted(features, class_ids, variances=4 * spread)
    monkeypatch.setattr(fit_module, "AROUND", 0)
    expected = fitted(features, class_ids, scales=np.full(features.shape[1], (1 / 2.5) ** 0.5))
    np.testing.assert_allclose(found.weights, expected.weights, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(found.bias, expected.bias, rtol=2e-3)


def test_a_feature_that_is_the_same_everywhere_is_ignored() -> None:
    features, class_ids = clicks({0: 5, 1: 9})
    alone = fitted(features, class_ids)
    constant = np.full((len(features), 1), 7.5, np.float32)
    both = fitted(np.concatenate([features, constant], axis=1), class_ids)
    np.testing.assert_allclose(
        logits(both, np.concatenate([features, constant], axis=1)),
        logits(alone, features),
        atol=1e-3,
    )


@pytest.mark.parametrize("same", [False, True])
def test_one_click_of_each_class_is_enough(same: bool) -> None:
    features = np.array([[1, 5, 2], [1, 5, 2] if same else [4, 5, 0]], np.float32)
    found = fitted(features, np.array([0, 2]))
    values = logits(found, features)
    assert np.isfinite(values).all() and np.isfinite(found.weights).all()
    if same:  # nothing to go by
        np.testing.assert_allclose(values[:, 0], values[:, 2], atol=1e-4)
    else:
        assert values.argmax(axis=1).tolist() == [0, 2]


def test_repeated_calls_find_the_same_bits() -> None:
    features, class_ids = clicks({0: 40, 1: 11, 2: 90}, width=50)
    first = fitted(features, class_ids)
    for _ in range(3):
        again = fitted(features.copy(), class_ids.copy())
        np.testing.assert_array_equal(again.weights, first.weights)
        np.testing.assert_array_equal(again.bias, first.bias)


# near a fit of before
def test_a_quick_fit_is_nearly_the_exact_one_and_a_start_near_it_leaves_no_trace() -> None:
    features, class_ids = clicks({0: 60, 1: 40, 2: 20}, width=8)
    before = fitted(features[1:], class_ids[1:])
    exact = fitted(features, class_ids)
    quick = fit(
        features,
        class_ids,
        num_classes=3,
        scales=np.ones(8),
        strength=0.05,
        variances=np.zeros(8),
        near=before,
    )

    def logits(found: Fit) -> npt.NDArray[np.float32]:
        return features @ found.weights.T + found.bias

    far = np.abs(logits(before) - logits(exact)).max()
    assert 0 < np.abs(logits(quick) - logits(exact)).max() < 0.3 * far
    np.testing.assert_array_equal(fitted(features, class_ids).weights, exact.weights)


def test_a_quick_fit_from_other_classes_is_the_exact_one() -> None:
    features, class_ids = clicks({0: 6, 1: 4, 2: 2})
    before = fitted(features[class_ids < 2], class_ids[class_ids < 2])
    arguments = {"num_classes": 3, "scales": np.ones(6), "strength": 0.05}
    around = np.zeros(6)
    quick = fit(features, class_ids, variances=around, near=before, **arguments)
    exact = fit(features, class_ids, variances=around, **arguments)
    np.testing.assert_array_equal(quick.weights, exact.weights)
