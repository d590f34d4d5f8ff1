"""Pseudo-labels: the label map a network would draw."""

from __future__ import annotations

import torch
from torch import Tensor

from seminar.labels import IGNORE_INDEX


def pseudo_label(probs: Tensor, *, confidence: float = 0.0) -> Tensor:
    """The most probable class of each pixel, (N, H, W) int64 (eq. 6's target); 255 where it is less
    probable than `confidence`.

    Parameters
    ----------
    probs : Tensor, (N, K, H, W) float
        Softmax output of the frozen ancillary network on the very crop the primary student sees.
    confidence : float
        0 keeps every pixel, as the paper does.
    """
    best, labels = probs.max(dim=1)
    return torch.where(best >= confidence, labels, IGNORE_INDEX)
