"""The Nyström filter on the CPU: pixels in blocks, each with the few landmarks near it.

C is mostly nothing: at sigma_rgb = 15 a landmark reaches a fifth of a busy photo. So pixels are
taken in blocks of 256 that lie together in the feature space, and a landmark farther than
``_REACH_SQUARED`` from a block's bounding box is left out of the block's part of C, in both
directions, so that C A^-1 C^T stays symmetric and positive. Every entry that is left out is below
exp(-4), and with a jitter of 1e-3 on A that adds 0.1 % to the error of busy photos and up to 0.6 %
to the smaller one of smooth photos; two thirds of the work is saved. Chunks of blocks go through
the cache once to gather C^T S and once to spread C A^-1 C^T S; the first of C are kept between the
two, the rest is computed again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seminar.losses.dense_crf.features import Mix, exponent_rows
from seminar.losses.dense_crf.plans import NystromPlan
from seminar.losses.dense_crf.workspace import workspace

_BLOCK = 256  # pixels
# in units of the kernel's width; 6 is too small for smooth photos (4.5 % instead of 0.6 %)
_REACH_SQUARED = 8.0
_CHUNK_ELEMENTS = 2**19  # of C at a time: 2 MB in float32, near the cache
# of C between its two uses, less values and columns; the rest is made again, memory being dearer
_KEPT_BYTES = 31e6


def cut_blocks(
    features: Tensor, order: Tensor, landmarks: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cut the pixels into blocks and list the landmarks near each.

    Parameters
    ----------
    features
        (D, P).
    order
        (P,) int64, the pixels in an order that keeps like ones together.
    landmarks
        (D, m).

    Returns
    -------
    tuple of Tensor
        ``blocks``, ``columns``, ``lists``, ``widths`` of :class:`NystromPlan`. Blocks of few
        landmarks come first, so that a chunk pads little; the last block, alone in being filled up
        with copies of its last pixel, stays last.
    """
    dims, pixels = features.shape
    count = landmarks.shape[-1]
    pad = -pixels % _BLOCK
    order = torch.cat([order, order[-1:].expand(pad)]) if pad else order
    parts = features.index_select(1, order).view(dims, -1, _BLOCK)
    low, high = parts.amin(-1)[:, :, None], parts.amax(-1)[:, :, None]
    middle, half = (low + high) / 2, (high - low) / 2
    squared = features.new_zeros((parts.shape[1], count))
    for d in range(dims):
        gap = (landmarks[d] - middle[d]).abs_().sub_(half[d]).clamp_(min=0)
        squared.addcmul_(gap, gap)
    near = squared < _REACH_SQUARED
    widths = near.sum(1)
    turn = torch.cat([widths[:-1].argsort(stable=True), widths.new_tensor([len(widths) - 1])])
    near, widths = near[turn], widths[turn]
    # in its block's list; the last column takes the rest
    place = torch.where(near, near.cumsum(1) - 1, count)
    lists = torch.full((len(widths), count + 1), count, dtype=torch.int16)
    lists.scatter_(1, place, torch.arange(count, dtype=torch.int16).expand(len(widths), -1))
    # `exponent_columns` of the parts, without its copies
    columns = features.new_empty((dims + 2, *parts.shape[1:]))
    torch.index_select(parts, 1, turn, out=columns[:dims])
    columns[:dims] -= landmarks.mean(1)[:, None, None]
    columns[dims] = 1
    torch.sum(torch.square(columns[:dims], out=parts), 0, out=columns[dims + 1])
    blocks = order.view(-1, _BLOCK).to(torch.int32)[turn]
    return (
        blocks,
        columns.transpose(0, 1),
        lists[:, :count],
        widths.cummax(0).values.to(torch.int16),
    )


def filter_blocks(values: Tensor, plan: NystromPlan, mix: Mix, out: Tensor) -> None:
    """Write mix(W values) (K, P) into ``out``, for one image and its plan."""
    classes, pixels = values.shape
    count, dims = plan.landmarks.shape
    index, blocks = plan.blocks.view(-1), len(plan.blocks)
    rows = torch.cat(
        [
            exponent_rows((plan.landmarks - plan.landmarks.mean(0)).T).T,
            values.new_zeros((1, dims + 2)),
        ]
    )
    rows[-1, dims] = -60.0  # the filler's kernel is 2^-60
    ordered = torch.index_select(
        values, 1, index, out=workspace.take("values", (classes, len(index)), values)
    )
    if len(index) > pixels:
        ordered[:, pixels - len(index) :] = 0
    grouped = ordered.view(classes, blocks, _BLOCK).transpose(0, 1)  # (B, K, 256)
    lists = plan.lists.long()
    chunks = _chunks(plan.widths.tolist())
    places = [lists[start:stop, :width].flatten() for start, stop, width in chunks]

    scratch = workspace.take("kernel", (max(_size(chunk) for chunk in chunks),), values)
    room = max(
        0, int(_KEPT_BYTES / values.element_size()) - 5 * ordered.numel() - plan.columns.numel()
    )
    store = workspace.take("kept", (min(room, sum(_size(chunk) for chunk in chunks)),), values)
    kept: list[Tensor | None] = []

    def kernel(number: int, memory: Tensor) -> Tensor:  # (b, w, 256)
        start, stop, width = chunks[number]
        shape = (stop - start, width, _BLOCK)
        # in the cache, which the product needs more than exp2
        exponent = scratch[: _size(chunks[number])].view(shape)
        landmarks = rows.index_select(0, places[number]).view(stop - start, width, -1)
        torch.bmm(landmarks, plan.columns[start:stop], out=exponent)
        return torch.exp2(exponent, out=memory[: _size(chunks[number])].view(shape))

    gathered = values.new_zeros((classes, count + 1))
    for number, (start, stop, _) in enumerate(chunks):
        is_kept = _size(chunks[number]) <= len(store)
        near = kernel(number, store if is_kept else scratch)
        kept.append(near if is_kept else None)
        store = store[_size(chunks[number]) :] if is_kept else store
        part = torch.bmm(grouped[start:stop], near.transpose(1, 2))  # (b, K, w)
        gathered.scatter_add_(
            1, places[number].expand(classes, -1), part.transpose(0, 1).reshape(classes, -1)
        )
    weights = values.new_zeros((count + 1, classes))
    weights[:-1] = mix(torch.cholesky_solve(gathered[:, :-1].T, plan.factor), -1)
    for number, (start, stop, width) in enumerate(chunks):
        held = kept[number]
        near = kernel(number, scratch) if held is None else held
        heights = weights.index_select(0, places[number]).view(stop - start, width, classes)
        grouped[start:stop] = torch.bmm(heights.transpose(1, 2), near)
    back = torch.empty(pixels, dtype=torch.int64).scatter_(
        0, index.long(), torch.arange(len(index))
    )
    torch.index_select(ordered, 1, back, out=out)  # faster than to scatter every class


def _chunks(widths: list[int]) -> list[tuple[int, int, int]]:
    """Runs of blocks (start, stop, landmarks) whose part of C fits the cache."""
    chunks, start = [], 0
    for stop, width in enumerate(widths, 1):
        if stop == len(widths) or (stop + 1 - start) * widths[stop] * _BLOCK > _CHUNK_ELEMENTS:
            chunks.append((start, stop, max(width, 1)))
            start = stop
    return chunks


def _size(chunk: tuple[int, int, int]) -> int:
    start, stop, width = chunk
    return (stop - start) * width * _BLOCK
