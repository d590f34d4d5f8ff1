"""Pseudo-labels: the label maps that the network of the stage before draws."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from seminar.data.batch import Batch
from seminar.labels import BACKGROUND, IGNORE_INDEX
from seminar.models.mean_field import sharpened, usual_reach


def pseudo_labelled(
    batch: Batch, ancillary: nn.Module, *, confidence: float, by_image: bool = False
) -> Batch:
    """The batch with the pseudo-labels of a frozen network for its crops (target of eq. 6).

    `by_image`, a departure from the paper, draws them between the background and the classes that
    are clicked in the image alone, and along its edges (`seminar.models.mean_field`), where the
    network is confident before that: it learns what its own masks lack.
    """
    with torch.no_grad():
        logits = ancillary(batch.image).float()
        if not by_image:
            labels = pseudo_label(logits.softmax(dim=1), confidence=confidence)
            return dataclasses.replace(batch, pseudo_labels=labels)
        impossible = batch.absent.clone()
        impossible[:, BACKGROUND] = False
        impossible = impossible[:, :, None, None]
        log_probs = logits.masked_fill(impossible, -torch.inf).log_softmax(dim=1)
        passed_on = sharpened(log_probs, batch.image.float(), usual_reach(logits.shape[1]))
        labels = passed_on.masked_fill(impossible, -torch.inf).max(dim=1).indices
        is_sure = log_probs.exp().amax(dim=1) >= confidence
    labels = torch.where(is_sure, labels, IGNORE_INDEX)
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
