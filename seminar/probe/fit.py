"""Class-balanced multinomial logistic regression on the features at the clicks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import log_softmax

MAX_CLICKS = 6000
"""Of more clicks, an even choice of each class is taken, so that the fit stays quick."""

AROUND = 100
"""As many clicks weigh as much as the pixels around them, where a feature is standardised."""

MAX_STEPS = 200
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
        Of a class without clicks, `seminar.models.probe.ABSENT`.
    """

    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


def fit(
    features: Floats,
    class_ids: Labels,
    *,
    num_classes: int,
    scales: Floats,
    strength: float,
    absent: float,
    around: Floats,
) -> Fit:
    """Fit the weights of each class.

    The loss is the cross-entropy, where each clicked class counts as much as any other however
    few clicks it has, plus `strength` / 2 times the squared weights (King and Zeng 2001, weighted
    logistic regression; ridge). Features are standardised and multiplied by `scales` first: a
    stream with a smaller scale is trusted less. The clicks are sorted by all their features, so
    that their order does not move the result: sums in floating point depend on it.

    Parameters
    ----------
    features : ndarray, (n, F)
    class_ids : ndarray, (n,) int64
        In 0..num_classes - 1; at least two different ones.
    scales : ndarray, (F,)
    strength : float
        At least 1e-3: below, the order of sums shows in the weights.
    absent : float
        Bias of the classes without clicks.
    around : ndarray, (m, F)
        Features of any pixels of the clicked images. The spread that a feature is divided by is
        that of the clicks and of these, as if there were `AROUND` of them: of a few clicks alone
        it would say nothing.

    Notes
    -----
    The minimum is found by L-BFGS in coordinates in which Böhning's bound of the Hessian (1992) is
    the identity: about 30 steps from zero. It always starts there, so that a click that is taken
    back leaves no trace.
    """
    order = np.argsort(_as_bytes(features), kind="stable")
    order = order[np.argsort(class_ids[order], kind="stable")]
    features, class_ids = features[order], class_ids[order]
    kept = _evenly(class_ids)
    features, class_ids = features[kept].astype(np.float64), class_ids[kept]
    present, targets = np.unique(class_ids, return_inverse=True)
    counts = np.bincount(targets)
    share = 1 / (counts[targets] * len(present))
    mean = share @ features
    clicked, everywhere = share @ (features - mean) ** 2, around.astype(np.float64).var(axis=0)
    deviation = np.sqrt((len(features) * clicked + AROUND * everywhere) / (len(features) + AROUND))
    factors = scales / np.maximum(deviation, 1e-6 * deviation.max() + 1e-12)
    inputs = (features - mean) * factors
    found, bias = _minimum(inputs, targets, share, len(present), strength)
    weights = np.zeros((num_classes, features.shape[1]))
    biases = np.full(num_classes, absent)
    weights[present] = found * factors
    biases[present] = bias - weights[present] @ mean
    return Fit(weights.astype(np.float32), biases.astype(np.float32))


def _as_bytes(rows: Floats) -> npt.NDArray[np.void]:
    """Each row of (n, F) as one value, which sorts in milliseconds."""
    rows = np.ascontiguousarray(rows)
    return rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]


def _evenly(class_ids: Labels) -> npt.NDArray[np.int64]:
    """Indices of at most `MAX_CLICKS`, spread evenly over the clicks of each class."""
    if len(class_ids) <= MAX_CLICKS:
        return np.arange(len(class_ids))
    places = [np.flatnonzero(class_ids == each) for each in np.unique(class_ids)]
    each = MAX_CLICKS // len(places)
    return np.sort(
        np.concatenate(
            [
                place[np.linspace(0, len(place) - 1, min(each, len(place))).astype(np.int64)]
                for place in places
            ]
        )
    )


def _minimum(
    inputs: Floats, targets: Labels, share: Floats, num_classes: int, strength: float
) -> tuple[Floats, Floats]:
    """(K, F) weights and (K,) biases at the minimum of the loss."""
    count, width = inputs.shape
    extended = np.ones((count, width + 1), dtype=np.float32)
    extended[:, :-1] = inputs
    shares = share.astype(np.float32)[:, np.newaxis]
    ridge = np.full((width + 1, 1), strength)
    ridge[-1] *= 1e-6  # the bias is free
    bound = 0.5 * (extended.T @ (shares * extended)).astype(np.float64)
    bound[np.diag_indices_from(bound)] += ridge[:, 0] + 1e-9
    root = cholesky(bound, lower=True, check_finite=False)
    rows = np.arange(count)

    def weights_of(flat: Floats) -> Floats:
        turned = flat.reshape(width + 1, num_classes)
        return np.asarray(solve_triangular(root, turned, lower=True, trans=1, check_finite=False))

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = weights_of(flat)  # (F + 1, K)
        log_probs = log_softmax(extended @ weights.astype(np.float32), axis=1)
        value = -share @ log_probs[rows, targets] + 0.5 * np.sum(ridge * weights**2)
        error = np.exp(log_probs)
        error[rows, targets] -= 1
        slope = extended.T @ (shares * error) + ridge * weights
        turned = solve_triangular(root, slope, lower=True, check_finite=False)
        return float(value), turned.ravel()

    start = np.zeros((width + 1) * num_classes)
    options = {"maxiter": MAX_STEPS, "gtol": TOLERANCE, "ftol": 1e-9}
    found = weights_of(minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x)
    return found[:-1].T, found[-1]
