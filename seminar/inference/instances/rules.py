"""What is known of the objects in images that nobody clicked: how small they are, and when two
parts of a patch are one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

MIN_AREA = 12
"""Parts of a predicted class smaller than this many pixels are no objects, unless they were
clicked.
"""

FEATURES = 7
"""Of a pair of parts, see `seminar.inference.instances.parts.Parts.features`."""

FEWEST_PAIRS = 20
"""Of parts that are one object, and of parts that are two, below which nothing is learnt."""

RIDGE = 1.0
"""Of the regression, over the sum of its losses; features are standardised."""

STEPS, TOLERANCE = 2000, 1e-6

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Joining:
    """Whether two parts that touch are one object: a logistic regression on their shapes.

    Attributes
    ----------
    weights : tuple of float
        Of the `FEATURES`.
    bias : float
    """

    weights: tuple[float, ...]
    bias: float

    def log_odds(self, features: Floats) -> Floats:
        """(n, `FEATURES`) to (n,): above 0 two parts are one object."""
        odds: Floats = features @ np.array(self.weights) + self.bias
        return odds


@dataclass(frozen=True)
class Rules:
    """How masks are divided by shape.

    Attributes
    ----------
    min_area : int
        Pixels; smaller parts join the one that they touch most deeply, and are left out where they
        touch none.
    joining : Joining or None
        None leaves it to the waist between two parts.
    """

    min_area: int = MIN_AREA
    joining: Joining | None = None

    def with_min_area(self, min_area: int) -> Rules:
        """These rules with another smallest area; 0 leaves it."""
        return replace(self, min_area=min_area or self.min_area)


def learn_joining(features: Floats, is_one: npt.NDArray[np.bool_]) -> Joining | None:
    """The regression, from pairs of which is known whether they are one object.

    Parameters
    ----------
    features : ndarray, (n, `FEATURES`)
    is_one : ndarray, (n,) bool

    Returns
    -------
    Joining or None
        None where fewer than `FEWEST_PAIRS` are one object, or two.
    """
    if min(is_one.sum(), (~is_one).sum()) < FEWEST_PAIRS:
        return None
    mean, deviation = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    inputs = np.column_stack([(features - mean) / deviation, np.ones(len(features))])
    ridge = np.append(np.full(FEATURES, RIDGE), 0)
    # each step is the minimum of a bound of the loss (Boehning 1992), so that none overshoots
    bound = np.linalg.inv(inputs.T @ inputs / 4 + np.diag(ridge))
    found = np.zeros(FEATURES + 1)
    for _ in range(STEPS):
        error = 1 / (1 + np.exp(-inputs @ found)) - is_one
        step = bound @ (inputs.T @ error + ridge * found)
        found -= step
        if np.abs(step).max() < TOLERANCE:
            break
    weights = found[:-1] / deviation
    return Joining(tuple(weights.tolist()), float(found[-1] - weights @ mean))
