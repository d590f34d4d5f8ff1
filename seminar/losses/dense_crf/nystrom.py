"""The filter through a few landmarks: W ~ C A^-1 C^T.

Williams and Seeger, NIPS 2000; k-means landmarks: Zhang, Tsang and Kwok, ICML 2008. C (P, m) is the
Gaussian between the pixels and m landmarks, A (m, m) between the landmarks. The product is
symmetric and positive, is never too large, costs O(P m), and reads the image alone, so that one
plan serves every class and any number of steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seminar.losses.dense_crf.blocks import filter_blocks
from seminar.losses.dense_crf.features import LOWEST_EXPONENT, Mix, exponent_columns, exponent_rows
from seminar.losses.dense_crf.plans import NystromPlan
from seminar.losses.dense_crf.workspace import for_each_image

_CHUNK_ELEMENTS = 2**27  # of C at a time away from the CPU: 512 MB in float32


def filter_nystrom(
    features: Tensor, values: Tensor, plan: NystromPlan, mix: Mix = lambda filtered, _: filtered
) -> Tensor:
    """Return mix(W values) (N, K, P) for features (N, D, P), with W as the plan approximates it.

    ``mix`` gets the channels of the m landmarks instead of those of the P pixels, where it is
    cheap.
    """
    if features.device.type != "cpu":
        return _filter_dense(features, values, plan, mix)
    filtered = torch.empty_like(values)

    def work(i: int) -> None:
        filter_blocks(values[i], NystromPlan(*(part[i] for part in plan)), mix, filtered[i])

    for_each_image(work, len(values))
    return filtered


def _filter_dense(features: Tensor, values: Tensor, plan: NystromPlan, mix: Mix) -> Tensor:
    """All landmarks for all pixels: more work, but no list that the host would have to read."""
    batch, classes, pixels = values.shape
    count = plan.landmarks.shape[1]
    centre = plan.landmarks.mean(1)[:, :, None]
    rows = exponent_rows(plan.landmarks.transpose(1, 2) - centre).transpose(1, 2)
    step = max(1, _CHUNK_ELEMENTS // (count * batch))

    def kernel(start: int) -> Tensor:  # (N, m, step)
        columns = exponent_columns(features[:, :, start : start + step] - centre)
        return torch.bmm(rows, columns).clamp_(min=LOWEST_EXPONENT).exp2_()

    gathered = values.new_zeros((batch, classes, count))
    for start in range(0, pixels, step):
        gathered.baddbmm_(values[:, :, start : start + step], kernel(start).transpose(1, 2))
    heights = mix(torch.cholesky_solve(gathered.transpose(1, 2), plan.factor), -1)
    weights = heights.transpose(1, 2)  # (N, K, m)
    return torch.cat([torch.bmm(weights, kernel(start)) for start in range(0, pixels, step)], -1)
