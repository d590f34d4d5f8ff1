"""Choose the landmarks of the Nyström filter, and say whether they are enough."""

from __future__ import annotations

import torch
from torch import Tensor

from seminar.losses.dense_crf.blocks import cut_blocks
from seminar.losses.dense_crf.features import gaussian
from seminar.losses.dense_crf.order import order_along_curve
from seminar.losses.dense_crf.plans import NystromPlan
from seminar.losses.dense_crf.workspace import for_each_image

_JITTER = 1e-3  # on the unit diagonal of A; bounds the weight of what ``cut_blocks`` leaves out
_SAMPLES_PER_LANDMARK = 8
_LLOYD_STEPS = 2
_PROBES = 64  # pixels on which the residual is measured


def plan_nystrom(features: Tensor, landmarks: int) -> NystromPlan:
    """Choose landmarks for each image of ``features`` (N, D, P); all pixels, where P is smaller."""
    if features.device.type != "cpu":
        return _plan(features, landmarks)
    plans = for_each_image(lambda i: _plan(features[i : i + 1], landmarks), len(features))
    if len(plans) == 1:
        return plans[0]
    return NystromPlan(*(torch.cat(parts) for parts in zip(*plans, strict=True)))


def _plan(features: Tensor, count: int) -> NystromPlan:
    """On the CPU for one image, elsewhere for a batch."""
    order = order_along_curve(features)
    is_all = count >= features.shape[-1]
    chosen = features if is_all else _cluster(features, order, count)  # (N, D, m)
    between = gaussian(chosen, chosen)
    between.diagonal(dim1=1, dim2=2).add_(_JITTER)
    factor, _ = torch.linalg.cholesky_ex(between)  # the checking form would wait for a GPU
    nothing = features.new_empty((len(features), 0))
    if features.device.type == "cpu":
        blocks, columns, lists, widths = (
            part[None] for part in cut_blocks(features[0], order[0], chosen[0])
        )
    else:
        blocks = columns = lists = widths = nothing
    residual = _residual(features, order, chosen, factor)
    return NystromPlan(
        chosen.transpose(1, 2).contiguous(),
        factor,
        blocks,
        columns,
        lists,
        widths,
        residual,
        roots=nothing,
    )


def _pick(features: Tensor, order: Tensor, count: int) -> Tensor:
    """Take pixels (N, D, count) at even steps along the curve, an even sample of the features."""
    places = torch.arange(count, device=features.device) * order.shape[-1] // count
    return features.gather(2, order[:, None, places].expand(-1, features.shape[1], -1))


def _cluster(features: Tensor, order: Tensor, count: int) -> Tensor:
    """k-means centres (N, D, m) of sampled pixels: equal parts of the curve, then Lloyd steps."""
    batch, dims, _ = features.shape
    sample = _pick(features, order, count * _SAMPLES_PER_LANDMARK)
    centres = sample.view(batch, dims, count, -1).mean(-1)
    counted = torch.cat([sample, torch.ones_like(sample[:, :1])], 1)  # (N, D + 1, n)
    for _ in range(_LLOYD_STEPS):
        shifted = torch.cat([centres, centres.square().sum(1, keepdim=True) / -2], 1)
        # (N, n, m), largest for the nearest centre; then 0 or 1, which is faster than an argmax
        score = torch.bmm(counted.transpose(1, 2), shifted)
        is_nearest = score.eq_(score.amax(-1, keepdim=True))
        sums = torch.bmm(counted, is_nearest)
        centres = torch.where(sums[:, -1:] > 0, sums[:, :-1] / sums[:, -1:].clamp(min=1), centres)
    return centres


def _residual(features: Tensor, order: Tensor, chosen: Tensor, factor: Tensor) -> Tensor:
    """trace(W - C A^-1 C^T) / trace(W) on a few pixels: (N,)."""
    probe = _pick(features, order, min(_PROBES, features.shape[-1]))
    across = gaussian(chosen, probe)  # (N, m, probes)
    solved = torch.linalg.solve_triangular(factor, across, upper=False)
    explained: Tensor = solved.square().sum(1)  # (N, probes)
    return (1 - explained).mean(1).clamp(min=0)
