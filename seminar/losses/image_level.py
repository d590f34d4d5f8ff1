"""What What's the Point adds to clicks: which classes an image has at all, and where objects
probably are (Bearman et al., ECCV 2016).
"""

from __future__ import annotations

import torch
from torch import Tensor

MOST = 1 - 1e-6
"""Probabilities are taken for no more than this, so that log(1 - p) stays finite."""


def presence(logits: Tensor, present: Tensor, absent: Tensor, valid: Tensor) -> Tensor:
    """Some pixel shall have each present class, and none an absent one: their equation 1, on the
    most confident pixel of each class.

    -mean over present classes of log(max p_c), -mean over absent classes of log(1 - max p_c),
    averaged over the crops.

    Parameters
    ----------
    logits : Tensor, (N, K, H, W) float
    present, absent : Tensor, (N, K) bool
        Classes known to be in the crop, and known to be nowhere in its image; a class may be
        neither.
    valid : Tensor, (N, H, W) bool
        False on padding, which is no pixel.

    Returns
    -------
    Tensor, scalar
    """
    log_probs = torch.log_softmax(logits.float(), dim=1)
    best = log_probs.masked_fill(~valid[:, None], -torch.inf).amax(dim=(2, 3))  # (N, K)
    best = best.clamp(min=torch.finfo(best.dtype).min)  # a crop of padding alone
    seen = (best * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)
    unseen = (torch.log1p(-best.exp().clamp(max=MOST)) * absent).sum(dim=1) / absent.sum(
        dim=1
    ).clamp(min=1)
    return -(seen + unseen).mean()


def objectness_prior(logits: Tensor, objectness: Tensor, valid: Tensor) -> Tensor:
    """Objects, of whichever class, shall be where a prior expects them: their equation 4, averaged
    over valid pixels.

    -P log(sum of p over all classes but the background) - (1 - P) log(p of the background).

    Parameters
    ----------
    logits : Tensor, (N, K, H, W) float
        Class 0 is the background.
    objectness : Tensor, (N, H, W) float
        P: how probably each pixel is part of some object, 0..1.
    valid : Tensor, (N, H, W) bool
        False on padding, which counts for nothing.

    Returns
    -------
    Tensor, scalar
    """
    log_probs = torch.log_softmax(logits.float(), dim=1)
    entropy = (
        objectness * torch.logsumexp(log_probs[:, 1:], dim=1) + (1 - objectness) * log_probs[:, 0]
    )
    return -(entropy * valid).sum() / valid.sum().clamp(min=1)
