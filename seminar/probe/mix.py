"""What is chosen by the clicks without asking: the mix of features, the ridge, the advantages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seminar.labels import BACKGROUND
from seminar.probe.fit import Fit, fit
from seminar.probe.samples import Lesson

TWO_CLASSES, MORE_CLASSES = (0.3, 1.0), (1.0, 0.3)
"""Scales of the backbone's features and of the filters: these know where the edge is, the backbone
which class it is.
"""

RIDGE = 50.0
RIDGES = (0.02, 0.2)
"""Of two classes the ridge is so much over the number of clicks, within limits."""

RIDGE_OF_MORE = 0.2

ADVANTAGE = 0.5
"""Of two classes, the object's logit gets this much more where as many clicks lie on the
background: objects are clicked in their middles and the background near their edges, so that rims
look too much like background. Of few clicks on the background, few lie near an edge. Of more
classes the background's gets it: it is most of an image, and counts no more than any other.
"""


@dataclass(frozen=True, eq=False)
class Mix:
    """How features are weighed.

    Attributes
    ----------
    scales : ndarray, (F,)
    ridge : float
    advantages : ndarray, (K,) float32
        Added to the logits of the classes.
    """

    scales: npt.NDArray[np.float64]
    ridge: float
    advantages: npt.NDArray[np.float32]


def fit_mixed(
    given: Lesson,
    *,
    num_filters: int,
    near: Fit | None = None,
    shares: npt.NDArray[np.float64] | None = None,
) -> tuple[Fit, npt.NDArray[np.float32]]:
    """The fit to a lesson with the mix that its clicks choose, and the (K,) advantages, which are
    to be added to its biases.

    The first `num_filters` features are the filters'; `near` and `shares` are those of
    `seminar.probe.fit.fit`.
    """
    mix = mix_for(given.counts, num_filters=num_filters, num_features=given.features.shape[1])
    found = fit(
        given.features,
        given.class_ids,
        num_classes=len(given.counts),
        scales=mix.scales,
        strength=mix.ridge,
        variances=given.variances,
        near=near,
        shares=shares,
    )
    return found, mix.advantages


def mix_for(counts: npt.NDArray[np.int64], *, num_filters: int, num_features: int) -> Mix:
    """The mix for (K,) numbers of clicks, at least two of them not zero.

    The first `num_filters` features are the filters', the others the backbone's.
    """
    has_two = np.count_nonzero(counts) == 2
    deep, filters = TWO_CLASSES if has_two else MORE_CLASSES
    scales = np.full(num_features, deep)
    scales[:num_filters] = filters if num_features > num_filters else 1.0
    advantages = advantages_for(counts)
    ridge = min(max(RIDGE / float(counts.sum()), RIDGES[0]), RIDGES[1])
    return Mix(scales, ridge if has_two else RIDGE_OF_MORE, advantages)


def advantages_for(counts: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """(K,) advantages of the classes by their (K,) numbers of clicks; see `ADVANTAGE`."""
    advantages = np.zeros(len(counts), dtype=np.float32)
    present = np.flatnonzero(counts)
    if BACKGROUND not in present:
        return advantages
    if len(present) == 2:
        share = counts[BACKGROUND] / counts[present[-1]]
        advantages[present[-1]] = ADVANTAGE * min(1.0, float(share))
    elif len(present) > 2:
        advantages[BACKGROUND] = ADVANTAGE
    return advantages
