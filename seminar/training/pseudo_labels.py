"""Pseudo-labels: the label maps that the network of the stage before draws."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from seminar.data.batch import Batch
from seminar.labels import IGNORE_INDEX


def pseudo_labelled(batch: Batch, ancillary: nn.Module, *, confidence: float) -> Batch:
    """The batch with the pseudo-labels of a frozen network for its crops (target of eq. 6)."""
    with torch.no_grad():
        labels = pseudo_label(ancillary(batch.image).softmax(dim=1), confidence=confidence)
    return dataclasses.replace(batch, pseudo_labels=labels)


def pseudo_label(probs: Tensor, *, confidence: float = 0.0) -> Tensor:
    """The most probable class of each pixel (eq. 6's target), 255 where it is not confident.

    Parameters
    ----------
    probs : Tensor, (N, K, H, W) float
        Softmax output of the frozen ancillary network on the plain crop.
    confidence : float
        Least probability of a label; 0 keeps every pixel, as the paper does.

    Returns
    -------
    Tensor, (N, H, W) int64
    """
    best, labels = probs.max(dim=1)
    return torch.where(best >= confidence, labels, IGNORE_INDEX)
