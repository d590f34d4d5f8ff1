"""Learns from clicked images which classes an image shows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from seminar.models.presence import SURE

FOLDS, FEWEST = 5, 20
"""Of fewer images nothing is learnt."""

RIDGES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)

WORTH = 0.8
"""It is used where left-out images are told this much better than by how often each class is there
(as a factor of the log loss): .50 on VOC, .88 on photographs of people.
"""

MAX_STEPS = 100

Floats = npt.NDArray[np.float32]


def fit_presence(summaries: Floats, shown: npt.NDArray[np.bool_]) -> tuple[Floats, Floats] | None:
    """A logistic regression for each class, with the ridge that is best on left-out images.

    Parameters
    ----------
    summaries : ndarray, (n, V, F)
        Of each of n images, in V lights; see `seminar.models.presence.Presence.summary`.
    shown : ndarray, (n, K) bool
        The classes of each image.

    Returns
    -------
    weight, bias : ndarray, (K, F) and (K,)
        Of a `Presence`; None where left-out images are not told well enough.
    """
    number, views, width = summaries.shape
    asked = np.flatnonzero(shown.any(axis=0) & ~shown.all(axis=0))
    if number < FEWEST or not len(asked):
        return None
    rows = summaries.reshape(number * views, width)
    mean, scale = rows.mean(axis=0), (rows.std(axis=0) + 1e-6) * width**0.5
    inputs = ((summaries - mean) / scale).astype(np.float32)
    targets = shown[:, asked].astype(np.float32)
    folds = np.random.default_rng(0).permutation(number) % FOLDS
    losses = {ridge: _left_out(inputs, targets, folds, ridge) for ridge in RIDGES}
    ridge = min(losses, key=losses.__getitem__)
    often = targets.mean(axis=0)
    guessed = -(targets * np.log(often) + (1 - targets) * np.log1p(-often)).sum()
    if losses[ridge] > WORTH * guessed:
        return None
    found = _fit(inputs, targets, ridge)
    weight = np.zeros((shown.shape[1], width), dtype=np.float32)
    bias = np.where(shown.any(axis=0), SURE, -SURE).astype(np.float32)
    weight[asked] = found[:-1].T / scale
    bias[asked] = found[-1] - weight[asked] @ mean
    return weight, bias


def _left_out(inputs: Floats, targets: Floats, folds: npt.NDArray[np.int64], ridge: float) -> float:
    """The log loss of all images, each told from those of the other folds, as it is."""
    loss = 0.0
    for fold in range(FOLDS):
        out = folds == fold
        found = _fit(inputs[~out], targets[~out], ridge)
        loss += _log_loss(inputs[out, 0] @ found[:-1] + found[-1], targets[out]).sum()
    return loss


def _fit(inputs: Floats, targets: Floats, ridge: float) -> Floats:
    """(F + 1, K) weights, the bias last, from (n, V, F) inputs and (n, K) targets."""
    rows, wanted = inputs.reshape(-1, inputs.shape[2]), np.repeat(targets, inputs.shape[1], axis=0)
    shape = (inputs.shape[2] + 1, targets.shape[1])

    def loss(place: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        weights = place.reshape(shape).astype(np.float32)
        scores = rows @ weights[:-1] + weights[-1]
        error = (expit(scores) - wanted) / len(rows)
        slope = np.concatenate([rows.T @ error + ridge * weights[:-1], error.sum(axis=0)[None]])
        value = _log_loss(scores, wanted).sum() / len(rows) + ridge / 2 * (weights[:-1] ** 2).sum()
        return float(value), slope.ravel().astype(np.float64)

    options = {"maxiter": MAX_STEPS}
    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options)
    weights: Floats = found.x.reshape(shape).astype(np.float32)
    return weights


def _log_loss(scores: Floats, targets: Floats) -> Floats:
    """Of probabilities sigmoid(scores), each; without overflow."""
    result: Floats = np.logaddexp(0, scores) - targets * scores
    return result
