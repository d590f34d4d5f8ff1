"""Pixel consistency: the student agrees with the teacher, also where nobody clicked."""

from __future__ import annotations

from torch import Tensor

from seminar.config.settings import Convention


def pixel_consistency(
    student_probs: Tensor,
    teacher_probs: Tensor,
    valid: Tensor,
    *,
    convention: Convention = "scale_free",
    unlabelled: Tensor | None = None,
) -> Tensor:
    """Squared difference between student and teacher (eq. 3, with the sign corrected).

    Parameters
    ----------
    student_probs, teacher_probs : Tensor, (N, K, H, W) float
        Softmax outputs on the same crop; no gradient flows into the teacher's.
    valid : Tensor, (N, H, W) bool
        False on padding, which is ignored (the paper leaves it open).
    convention : {"scale_free", "paper"}
        "scale_free" sums over classes and averages over valid pixels. "paper" averages over batch,
        classes and all pixels, for which lambda = 200 was chosen; padding adds 0.
    unlabelled : Tensor, (N, H, W) bool, optional
        Where given, only these pixels count, as in eq. 8. Eq. 3, the default, takes all, because
        clicks are so few.

    Returns
    -------
    Tensor, scalar
        0 where no pixel counts.
    """
    counted = valid if unlabelled is None else valid & unlabelled
    difference = student_probs.float() - teacher_probs.detach().float()
    squared = difference.square().sum(dim=1) * counted  # (N, H, W)
    if convention == "paper" and unlabelled is None:
        return squared.sum() / student_probs.numel()
    if convention == "paper":
        return squared.sum() / (counted.sum().clamp(min=1) * student_probs.shape[1])
    return squared.sum() / counted.sum().clamp(min=1)
