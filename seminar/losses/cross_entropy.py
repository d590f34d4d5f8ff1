"""Cross-entropy on the few pixels that have a label, and on classes that are known to be absent."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from seminar.config.settings import Convention
from seminar.labels import IGNORE_INDEX


def partial_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    class_weights: Sequence[float] = (),
    convention: Convention = "scale_free",
) -> Tensor:
    """Cross-entropy, averaged over the labelled pixels of the batch (eq. 2).

    On a dense mask it is the ordinary cross-entropy.

    Parameters
    ----------
    logits : Tensor, (N, K, H, W) float
    labels : Tensor, (N, H, W) int64
        Class ids; 255 is ignored.
    class_weights : sequence of float
        A weight for the pixels of each class, by which their losses are multiplied before they are
        averaged (a departure from the paper); empty weighs all alike.
    convention : {"scale_free", "paper"}
        "paper" also divides by the batch size N, as the code of Tang et al. 2018 does; the paper's
        lambdas assume it.

    Returns
    -------
    Tensor, scalar
        0 with zero gradient where no pixel is labelled.
    """
    weight = logits.new_tensor(class_weights, dtype=torch.float32) if class_weights else None
    total = F.cross_entropy(
        logits.float(), labels, weight, ignore_index=IGNORE_INDEX, reduction="sum"
    )
    loss = total / (labels != IGNORE_INDEX).sum().clamp(min=1)
    return loss / len(logits) if convention == "paper" else loss


def balanced_cross_entropy(
    logits: Tensor, labels: Tensor, *, balance: float, convention: Convention = "scale_free"
) -> Tensor:
    """Cross-entropy on dense labels in which scarce classes weigh more (eq. 6, weighted).

    In a crop with n_k pixels of class k each of them has the weight n_k^-balance, scaled so that
    the mean weight of the labelled pixels of the crop is 1. A class then has a share of about
    n_k^(1 - balance). A departure from the paper, where all pixels have the same weight (balance
    0).

    Parameters
    ----------
    logits : Tensor, (N, K, H, W) float
    labels : Tensor, (N, H, W) int64
        Class ids; 255 is ignored.
    balance : float
        0..1: 0 is `partial_cross_entropy`, 1 gives all classes of a crop the same weight.
    convention : {"scale_free", "paper"}

    Returns
    -------
    Tensor, scalar
        0 with zero gradient where no pixel is labelled.
    """
    if balance == 0:
        return partial_cross_entropy(logits, labels, convention=convention)
    num_classes = logits.shape[1]
    numbers = labels.clamp(max=num_classes).flatten(1)  # (N, HW); unlabelled is num_classes
    counts = torch.zeros(len(labels), num_classes + 1, device=labels.device)
    counts.scatter_add_(1, numbers, torch.ones_like(numbers, dtype=counts.dtype))
    counts[:, num_classes] = 0
    weights = counts.clamp(min=1) ** -balance * (counts > 0)  # (N, K + 1)
    weighted = (weights * counts).sum(dim=1, keepdim=True).clamp(min=1)
    weights *= counts.sum(dim=1, keepdim=True) / weighted
    losses = F.cross_entropy(logits.float(), labels, ignore_index=IGNORE_INDEX, reduction="none")
    loss = (losses.flatten(1) * weights.gather(1, numbers)).sum() / counts.sum().clamp(min=1)
    return loss / len(logits) if convention == "paper" else loss


def absent_class(logits: Tensor, absent: Tensor, valid: Tensor) -> Tensor:
    """Penalise classes that an image lacks: -log(1 - p_c), averaged over valid pixels.

    Summed over absent classes. After the second term of eq. 1 of Bearman et al. (ECCV 2016), here
    at every pixel instead of the most confident one.

    Parameters
    ----------
    logits : Tensor, (N, K, H, W) float
    absent : Tensor, (N, K) bool
        Classes without a click in the *whole* image, not only in this crop.
    valid : Tensor, (N, H, W) bool
        False on padding.

    Returns
    -------
    Tensor, scalar
    """
    log_probs = torch.log_softmax(logits.float(), dim=1)
    others = torch.log1p(-log_probs.exp().clamp(max=1 - 1e-6))  # (N, K, H, W): log(1 - p)
    weight = absent[:, :, None, None] & valid[:, None]
    return -(others * weight).sum() / valid.sum().clamp(min=1)
