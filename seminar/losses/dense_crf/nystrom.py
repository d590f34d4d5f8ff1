"""The filter through a few landmarks: W ~ C A^-1 C^T (Williams and Seeger, NIPS 2000; k-means: Zhang et al., ICML 2008).

C (P, m) is the Gaussian between the pixels and m landmarks, A (m, m) between the landmarks. The product is symmetric,
positive and never too large (up to the jitter), costs O(P m) and reads the image alone, so that one plan serves every
class. Departures from the textbook, each measured in ``benchmarks/crf.md``:

- Landmarks are k-means centres of 16 sampled pixels each, started from a kd split: two Lloyd steps bring the error from
  3.4 % to 2.5 % (256 landmarks).
- On the CPU pixels are filtered in blocks of like colour and place; a landmark farther than ``_REACH`` from the block's
  bounding box is left out of C. What is left out is below exp(-4), a jitter of 1e-3 keeps A^-1 from blowing it up, and
  two thirds of the work is gone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from seminar.losses.dense_crf.order import order_along_curve
from seminar.losses.dense_crf.workspace import workspace

_JITTER = 1e-3  # on the unit diagonal of A
_REACH_SQUARED = 8.0  # a landmark acts on a block of pixels within this squared distance, in units of the kernel
_BLOCK = 256  # pixels filtered together on the CPU
_CHUNK_ELEMENTS = 2**19  # of C at a time on the CPU: 2 MB, near the cache
_DEVICE_CHUNK_ELEMENTS = 2**27  # of C at a time elsewhere
_SAMPLES_PER_LANDMARK = 16
_LLOYD_STEPS = 2
_CODE_BITS = 11
_LOG2_E = math.log2(math.e)


class NystromPlan(NamedTuple):
    """Landmarks of an image, or of a batch with N in front (``torch.utils.data.default_collate`` makes the batch).

    Attributes
    ----------
    landmarks : Tensor
        (m, C + 2), in the feature space of ``pixel_features``.
    inverse : Tensor
        (m, m)
    error : Tensor
        (), estimate of the relative error of the filter.
    """

    landmarks: Tensor
    factor: Tensor
    order: Tensor
    lists: Tensor
    widths: Tensor
    error: Tensor


def plan_nystrom(features: Tensor, landmarks: int) -> NystromPlan:
    """Choose ``landmarks`` landmarks for each image of ``features`` (N, D, P); all pixels where there are fewer."""
    batch, dims, pixels = features.shape
    order = order_along_curve(features)
    if landmarks >= pixels:
        chosen = features
    else:
        chosen = _cluster(features, order, landmarks)
    between = gaussian(chosen, chosen)
    between.diagonal(dim1=1, dim2=2).add_(_JITTER)
    factor, _ = torch.linalg.cholesky_ex(between)
    error = _estimate_error(features, order, chosen, factor)
    if features.device.type == "cpu":
        made = [_block_lists(features[i], order[i], chosen[i]) for i in range(batch)]
        orders, lists, widths = (torch.stack(parts) for parts in zip(*made, strict=True))
    else:
        orders = lists = widths = order.new_empty((batch, 0))
    return NystromPlan(chosen.transpose(1, 2).contiguous(), factor, orders, lists, widths, error)


def filter_nystrom(features: Tensor, values: Tensor, plan: NystromPlan) -> Tensor:
    """Return W values for features (N, D, P) and values (N, K, P), with W as the plan has it."""
    if features.device.type == "cpu":
        filtered = torch.empty_like(values)
        for i in range(len(values)):
            _filter_blocks(features[i], values[i], NystromPlan(*(part[i] for part in plan)), filtered[i])
        return filtered
    return _filter_dense(features, values, plan)


def gaussian(a: Tensor, b: Tensor) -> Tensor:
    """exp(-|a_i - b_j|^2 / 2) between the columns of a (N, D, m) and b (N, D, n): (N, m, n)."""
    centre = a.mean(-1, keepdim=True)
    exponent = torch.bmm(_left(a - centre).transpose(1, 2), _right(b - centre))
    return exponent.clamp_(min=-40).exp2_()


def _left(a: Tensor) -> Tensor:
    """Rows such that _left(a)^T _right(b) = -|a - b|^2 / 2 * log2(e)."""
    norm = a.square().sum(-2, keepdim=True)
    return torch.cat([a * _LOG2_E, norm * (-_LOG2_E / 2), torch.full_like(norm, -_LOG2_E / 2)], -2)


def _right(b: Tensor) -> Tensor:
    norm = b.square().sum(-2, keepdim=True)
    return torch.cat([b, torch.ones_like(norm), norm], -2)


def _pick(features: Tensor, order: Tensor, count: int) -> Tensor:
    """Take ``count`` pixels (N, D, count) at even steps along the curve."""
    places = torch.arange(count, device=features.device) * order.shape[-1] // count
    return features.gather(2, order[:, None, places].expand(-1, features.shape[1], -1))


def _cluster(features: Tensor, order: Tensor, count: int) -> Tensor:
    """k-means centres (N, D, m): equal parts of the curve, then Lloyd steps."""
    batch, dims, _ = features.shape
    sample = _pick(features, order, count * _SAMPLES_PER_LANDMARK)
    centres = sample.view(batch, dims, count, -1).mean(-1)
    for _ in range(_LLOYD_STEPS):
        score = torch.bmm(sample.transpose(1, 2), centres).sub_(centres.square().sum(1)[:, None, :] / 2)
        centres = _means(sample, score.max(-1).indices, centres)
    return centres


def _means(sample: Tensor, nearest: Tensor, otherwise: Tensor) -> Tensor:
    sums = torch.zeros_like(otherwise).scatter_add_(2, nearest[:, None].expand_as(sample), sample)
    counts = torch.zeros_like(otherwise[:, :1]).scatter_add_(2, nearest[:, None], torch.ones_like(sample[:, :1]))
    return torch.where(counts > 0, sums / counts.clamp(min=1), otherwise)


def _block_lists(features: Tensor, order: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which landmarks each block of pixels needs; the blocks of few landmarks first."""
    dims, pixels = features.shape
    count = landmarks.shape[-1]
    pad = -pixels % _BLOCK
    order = torch.cat([order, order[-1:].expand(pad)]) if pad else order
    parts = features.index_select(1, order).view(dims, -1, _BLOCK)
    low, high = parts.amin(-1)[:, :, None], parts.amax(-1)[:, :, None]
    gap = torch.maximum(low - landmarks[:, None], landmarks[:, None] - high).clamp_(min=0)  # (D, blocks, m)
    near = gap.square_().sum(0) < _REACH_SQUARED
    widths = near.sum(1)
    turn = widths[:-1].argsort(stable=True)
    turn = torch.cat([turn, turn.new_tensor([len(widths) - 1])])  # the padded block stays last
    near, widths = near[turn], widths[turn]
    block, landmark = near.nonzero(as_tuple=True)
    start = widths.cumsum(0) - widths
    lists = torch.full((len(widths), count), count, dtype=torch.int16)
    lists[block, torch.arange(len(block)) - start[block]] = landmark.to(torch.int16)
    return order.view(-1, _BLOCK)[turn].to(torch.int32), lists, widths.cummax(0).values.to(torch.int16)


def _filter_blocks(f: Tensor, values: Tensor, plan: NystromPlan, out: Tensor) -> None:
    classes, pixels = values.shape
    count, dims = plan.landmarks.shape
    blocks = len(plan.order)
    index = plan.order.view(-1)
    centre = plan.landmarks.mean(0)
    left = torch.cat([_left(plan.landmarks.T - centre[:, None]).T, plan.landmarks.new_zeros((1, dims + 2))])
    left[-1, dims] = -60.0  # fills up short lists: its kernel is 2^-60
    right = workspace.take("right", (dims + 2, blocks, _BLOCK), f)
    own = right[:dims].view(dims, -1)
    torch.index_select(f, 1, index, out=own)
    own.sub_(centre[:, None])
    right[dims] = 1
    torch.mul(right[0], right[0], out=right[-1])
    for d in range(1, dims):
        right[-1].addcmul_(right[d], right[d])
    ordered = torch.index_select(values, 1, index, out=workspace.take("values", (classes, blocks * _BLOCK), values))
    if blocks * _BLOCK > pixels:
        ordered[:, pixels - blocks * _BLOCK :] = 0
    grouped = ordered.view(classes, blocks, _BLOCK).transpose(0, 1)  # (blocks, K, 256)
    right = right.transpose(0, 1)  # (blocks, D + 2, 256)
    lists = plan.lists.long()
    chunks = _chunks(plan.widths.tolist())

    def kernel(start: int, stop: int, width: int) -> Tensor:
        chunk = workspace.take("kernel", (stop - start, width, _BLOCK), f)
        return torch.bmm(left[lists[start:stop, :width]], right[start:stop], out=chunk).exp2_()

    gathered = values.new_zeros((count + 1, classes))
    for start, stop, width in chunks:
        part = torch.bmm(grouped[start:stop], kernel(start, stop, width).transpose(1, 2))  # (g, K, w)
        gathered.index_add_(0, lists[start:stop, :width].reshape(-1), part.transpose(1, 2).reshape(-1, classes))
    core = torch.zeros_like(gathered)
    core[:-1] = torch.cholesky_solve(gathered[:-1], plan.factor)
    for start, stop, width in chunks:
        weights = core[lists[start:stop, :width]].transpose(1, 2)  # (g, K, w)
        grouped[start:stop] = torch.bmm(weights, kernel(start, stop, width))
    out.index_copy_(1, index.long(), ordered)


def _chunks(widths: list[int]) -> list[tuple[int, int, int]]:
    """Runs of blocks (start, stop, width) whose part of C fits the cache."""
    chunks, start = [], 0
    for stop in range(1, len(widths) + 1):
        if stop == len(widths) or (stop + 1 - start) * max(widths[stop],1) * _BLOCK > _CHUNK_ELEMENTS:
            chunks.append((start, stop, max(widths[stop - 1],1)))
            start = stop
    return chunks


def _filter_dense(features: Tensor, values: Tensor, plan: NystromPlan) -> Tensor:
    pixels, count = features.shape[-1], plan.landmarks.shape[1]
    centre = plan.landmarks.mean(1)[:, :, None]
    left = _left(plan.landmarks.transpose(1, 2) - centre).transpose(1, 2)
    step = max(1, _DEVICE_CHUNK_ELEMENTS // (count * len(values)))

    def kernel(start: int) -> Tensor:
        return torch.bmm(left, _right(features[:, :, start : start + step] - centre)).clamp_(min=-40).exp2_()

    gathered = values.new_zeros((len(values), values.shape[1], count))
    for start in range(0, pixels, step):
        gathered.baddbmm_(values[:, :, start : start + step], kernel(start).transpose(1, 2))
    core = torch.cholesky_solve(gathered.transpose(1, 2), plan.factor).transpose(1, 2)
    return torch.cat([torch.bmm(core, kernel(start)) for start in range(0, pixels, step)], -1)


def _estimate_error(features: Tensor, order: Tensor, chosen: Tensor, factor: Tensor) -> Tensor:
    probe = _pick(features, order, min(64, features.shape[-1]))
    across = gaussian(chosen, probe)  # (N, m, s)
    explained = torch.linalg.solve_triangular(factor, across, upper=False).square().sum(1)
    return (1 - explained).mean(1)
