"""Class-balanced multinomial logistic regression on the features at the clicks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import log_softmax

ABSENT = -1e4
"""Bias of a class without clicks, which is never predicted."""

AROUND = 100
"""As many clicks weigh as much as the pixels around them, where a feature is standardised."""

MAX_STEPS, FEW_STEPS = 200, 8
ROWS = 4096
"""So many clicks or pixels at a time, where a copy of all would take memory."""

TOLERANCE = 1e-4

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fit:
    """Weights of features as they are, not standardised.

    Attributes
    ----------
    weights : ndarray, (K, F) float32
    bias : ndarray, (K,) float32
        Of a class without clicks, `ABSENT`.
    coordinates : Coordinates
        In which the weights were found.
    """

    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    coordinates: Coordinates


@dataclass(frozen=True, eq=False)
class Coordinates:
    """How features are standardised, and in which coordinates the loss is nearly round.

    Attributes
    ----------
    present : ndarray, (P,) int64
        The clicked classes.
    mean, factors : ndarray, (F,)
        Standardised features are (features - mean) * factors.
    root : ndarray, (F + 1, F + 1)
        Cholesky factor of the bound of the Hessian.
    place : ndarray, ((F + 1) * P,)
        The minimum.
    """

    present: Labels
    mean: Floats
    factors: Floats
    root: Floats
    place: Floats


def fit(
    features: Floats,
    class_ids: Labels,
    *,
    num_classes: int,
    scales: Floats,
    strength: float,
    variances: Floats,
    near: Fit | None = None,
    shares: Floats | None = None,
) -> Fit:
    """Fit the weights of each class.

    The loss is the cross-entropy, where each clicked class counts as much as any other however
    few clicks it has (or as `shares` say), plus `strength` / 2 times the squared weights (King and
    Zeng 2001, weighted logistic regression; ridge). Features are standardised and multiplied by
    `scales` first: a stream with a smaller scale is trusted less. The clicks are sorted by all
    their features, so that their order does not move the result: sums in floating point depend on
    it.

    Parameters
    ----------
    features : ndarray, (n, F)
    class_ids : ndarray, (n,) int64
        In 0..num_classes - 1; at least two different ones.
    scales : ndarray, (F,)
    strength : float
        At least 1e-3: below, the order of sums shows in the weights.
    variances : ndarray, (F,)
        Over any pixels of the clicked images. The spread that a feature is divided by is that of
        the clicks and of these, as if there were `AROUND` of them: of a few clicks alone it would
        say nothing.
    near : Fit, optional
        An earlier fit to nearly the same clicks of the same classes: a few steps from there, in its
        coordinates, give nearly the minimum in a fraction of the time.
    shares : ndarray, (n,), optional
        What each click counts, more than 0 and together 1.

    Notes
    -----
    The minimum is found by L-BFGS in coordinates in which Böhning's bound of the Hessian (1992) is
    the identity: about 30 steps from zero. Without `near` it always starts there, so that a click
    that is taken back leaves no trace.
    """
    if near is not None and np.array_equal(near.coordinates.present, np.unique(class_ids)):
        there = near.coordinates
        inputs, targets = _inputs(features, class_ids, there)
        share = alike(targets) if shares is None else shares
        there = _descend(inputs, targets, share, there, strength, FEW_STEPS)
        return _fit_at(there, num_classes)
    order = np.argsort(_as_bytes(features), kind="stable")
    order = order[np.argsort(class_ids[order], kind="stable")]
    features, class_ids = features[order].astype(np.float64), class_ids[order]
    present, targets = np.unique(class_ids, return_inverse=True)
    share = alike(targets) if shares is None else shares[order]
    mean = share @ features
    clicked = share @ (features - mean) ** 2
    deviation = np.sqrt((len(features) * clicked + AROUND * variances) / (len(features) + AROUND))
    factors = scales / np.maximum(deviation, 1e-6 * deviation.max() + 1e-12)
    start = np.zeros((len(factors) + 1) * len(present))
    there = Coordinates(present, mean, factors, np.eye(1), start)
    inputs, targets = _inputs(features, class_ids, there)
    there = replace(there, root=_root(inputs, share, strength))
    there = _descend(inputs, targets, share, there, strength, MAX_STEPS)
    return _fit_at(there, num_classes)


def fit_like(
    first: Fit, features: Floats, class_ids: Labels, *, shares: Floats, strength: float
) -> Fit:
    """Fit weights for the same classes to other pixels, whose features are standardised as in a
    first fit; each class has a pixel at least.

    The parameters are those of `fit`; the order of the pixels moves the result a little.
    """
    there = first.coordinates
    inputs, targets = _inputs(features, class_ids, there)
    start = np.zeros_like(there.place)
    there = replace(there, root=_root(inputs, shares, strength), place=start)
    there = _descend(inputs, targets, shares, there, strength, MAX_STEPS)
    return _fit_at(there, len(first.bias))


def alike(targets: Labels) -> Floats:
    """(n,) shares, together 1, with which each class that is among (n,) indices counts alike."""
    counts = np.bincount(targets)
    shares: Floats = 1 / (counts[targets] * np.count_nonzero(counts))
    return shares


def _inputs(features: Floats, class_ids: Labels, there: Coordinates) -> tuple[Floats, Labels]:
    """Standardised features with a last column of ones, and indices of classes."""
    targets = np.searchsorted(there.present, class_ids)
    inputs = np.ones((len(features), len(there.mean) + 1), dtype=np.float32)
    standard = inputs[:, :-1]  # in place: there can be many
    np.subtract(features, there.mean, out=standard, casting="same_kind")
    np.multiply(standard, there.factors, out=standard, casting="same_kind")
    return inputs, targets


def _fit_at(there: Coordinates, num_classes: int) -> Fit:
    """The weights of features as they are."""
    found = _weights(there, there.place).T  # (P, F + 1)
    weights = np.zeros((num_classes, len(there.mean)))
    biases = np.full(num_classes, ABSENT)
    weights[there.present] = found[:, :-1] * there.factors
    biases[there.present] = found[:, -1] - weights[there.present] @ there.mean
    return Fit(weights.astype(np.float32), biases.astype(np.float32), there)


def _as_bytes(rows: Floats) -> npt.NDArray[np.void]:
    """Each row of (n, F) as one value, which sorts in milliseconds."""
    rows = np.ascontiguousarray(rows)
    return rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]


def _ridge(width: int, strength: float) -> Floats:
    """(width, 1) strengths; the bias, which comes last, is free."""
    ridge = np.full((width, 1), strength)
    ridge[-1] *= 1e-6
    return ridge


def _root(inputs: Floats, share: Floats, strength: float) -> Floats:
    """Cholesky factor of Böhning's bound of the Hessian."""
    shares, width = share.astype(np.float32)[:, np.newaxis], inputs.shape[1]
    bound = np.zeros((width, width))
    for start in range(0, len(inputs), ROWS):
        part = inputs[start : start + ROWS]
        bound += part.T @ (0.5 * shares[start : start + ROWS] * part)
    bound[np.diag_indices_from(bound)] += _ridge(len(bound), strength)[:, 0] + 1e-9
    return np.asarray(cholesky(bound, lower=True, check_finite=False))


def _weights(there: Coordinates, place: Floats) -> Floats:
    """(F + 1, P) weights of standardised features at a place."""
    turned = place.reshape(len(there.root), len(there.present))
    return np.asarray(solve_triangular(there.root, turned, lower=True, trans=1, check_finite=False))


def _descend(
    inputs: Floats, targets: Labels, share: Floats, there: Coordinates, strength: float, steps: int
) -> Coordinates:
    """Go to the minimum of the loss from `there`, in at most so many steps."""
    shares = share.astype(np.float32)[:, np.newaxis]
    ridge = _ridge(len(there.root), strength)
    rows = np.arange(len(inputs))

    def loss(place: Floats) -> tuple[float, Floats]:
        weights = _weights(there, place)
        log_probs = log_softmax(inputs @ weights.astype(np.float32), axis=1)
        value = -share @ log_probs[rows, targets] + 0.5 * np.sum(ridge * weights**2)
        error = np.exp(log_probs)
        error[rows, targets] -= 1
        slope = inputs.T @ (shares * error) + ridge * weights
        turned = solve_triangular(there.root, slope, lower=True, check_finite=False)
        return float(value), turned.ravel()

    options = {"maxiter": steps, "gtol": TOLERANCE, "ftol": 1e-9}
    found = minimize(loss, there.place, jac=True, method="L-BFGS-B", options=options)
    return replace(there, place=found.x)
