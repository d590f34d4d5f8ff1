"""Losses of What's the Point: classes of an image, and where objects are (Bearman, ECCV 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

MOST = 1 - 1e-6
"""Largest probability, so that log(1 - p) stays finite."""


def presence(logits: Tensor, present: Tensor, absent: Tensor, valid: Tensor) -> Tensor:
    """Each present class needs a pixel, and an absent class has none (their equation 1).

    On the most confident pixel of each class: minus the mean of log(max p_c) over present classes,
    minus the mean of log(1 - max p_c) over absent ones, averaged over the crops.

    Parameters
    ----------
    logits : Tensor, (N, K, H, W) float
    present, absent : Tensor, (N, K) bool
        Classes known to be in the crop, and known to be missing in its image; a class may be
        neither.
    valid : Tensor, (N, H, W) bool
        False on padding, which is ignored.

    Returns
    -------
    Tensor, scalar
    """
    log_probs = torch.log_softmax(logits.float(), dim=1)
    best = log_probs.masked_fill(~valid[:, None], -torch.inf).amax(dim=(2, 3))  # (N, K)
    best = best.clamp(min=torch.finfo(best.dtype).min)  # a crop of padding alone
    seen = (best * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)
    others = torch.log1p(-best.exp().clamp(max=MOST))
    unseen = (others * absent).sum(dim=1) / absent.sum(dim=1).clamp(min=1)
    return -(seen + unseen).mean()


def objectness_prior(logits: Tensor, objectness: Tensor, valid: Tensor) -> Tensor:
    """Objects of any class are where a prior expects them (their equation 4).

    -P log(sum of p over all classes but the background) - (1 - P) log(p of the background),
    averaged over valid pixels.

    Parameters
    ----------
    logits : Tensor, (N, K, H, W) float
        Class 0 is the background.
    objectness : Tensor, (N, H, W) float
        P: probability that a pixel is part of an object, 0..1.
    valid : Tensor, (N, H, W) bool
        False on padding, which is ignored.

    Returns
    -------
    Tensor, scalar
    """
    log_probs = torch.log_softmax(logits.float(), dim=1)
    objects, background = torch.logsumexp(log_probs[:, 1:], dim=1), log_probs[:, 0]
    entropy = objectness * objects + (1 - objectness) * background
    return -(entropy * valid).sum() / valid.sum().clamp(min=1)
