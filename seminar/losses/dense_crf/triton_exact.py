"""Every pair of pixels on a GPU without storing W: attention with a Gaussian for its softmax.

A program takes a tile of pixels along the Morton curve and walks over all tiles; a tile whose
bounding box is too far for any pair to reach ``exp(-_REACH_SQUARED / 2)`` is skipped. Distances are
differences in float32, never a matrix product (TF32 there costs 2 %); only the product with the
probabilities may run in half precision, with float32 sums.
"""

from __future__ import annotations

import torch
import triton  # type: ignore[import-untyped]
import triton.language as tl  # type: ignore[import-untyped]
from torch import Tensor

from seminar.losses.dense_crf.order import order_along_curve

_TILE = 64
_REACH_SQUARED = 20.0  # exp(-10) = 5e-5 of a weight


def filter_exact_fused(features: Tensor, values: Tensor) -> Tensor:
    """Return W values (N, K, P) for features (N, D, P), both float32, without a synchronisation.

    On CUDA the product with the probabilities is in bfloat16.
    """
    batch, dims, pixels = features.shape
    classes = values.shape[1]
    padded = -(-pixels // _TILE) * _TILE
    width = max(16, triton.next_power_of_2(classes))
    order = order_along_curve(features)
    own = features.new_empty((batch, dims, padded))
    own[:, :, :pixels] = features.gather(2, order[:, None].expand_as(features))
    own[:, :, pixels:] = own[:, :, pixels - 1 : pixels]
    rows = values.new_zeros(
        (batch, padded, width), dtype=torch.bfloat16 if values.is_cuda else torch.float32
    )
    rows[:, :pixels, :classes] = values.gather(2, order[:, None].expand_as(values)).transpose(1, 2)
    tiles = own.view(batch, dims, -1, _TILE)
    low, high = tiles.amin(-1), tiles.amax(-1)  # (N, D, tiles)
    out = values.new_empty((batch, padded, width))
    grid = (padded // _TILE, batch)
    _filter_tile[grid](own, rows, low, high, out, padded, dims, width, _TILE, _REACH_SQUARED)
    filtered = torch.empty_like(values)
    return filtered.scatter_(
        2, order[:, None].expand_as(values), out[:, :pixels, :classes].transpose(1, 2).contiguous()
    )


@triton.jit  # type: ignore[untyped-decorator]
def _filter_tile(  # type: ignore[no-untyped-def]
    features,  # (N, D, padded) float32
    rows,  # (N, padded, width), the probabilities
    low,  # (N, D, tiles)
    high,
    out,  # (N, padded, width) float32
    padded,
    DIMS: tl.constexpr,
    WIDTH: tl.constexpr,
    TILE: tl.constexpr,
    REACH: tl.constexpr,
):
    tile = tl.program_id(0)
    image = tl.program_id(1).to(tl.int64)
    tiles = padded // TILE
    features += image * DIMS * padded
    low += image * DIMS * tiles
    high += image * DIMS * tiles
    rows += image * padded * WIDTH
    pixel = tl.arange(0, TILE)
    channel = tl.arange(0, WIDTH)
    total = tl.zeros((TILE, WIDTH), tl.float32)
    for other in range(tiles):
        gap = 0.0
        for d in tl.static_range(DIMS):
            below = tl.load(low + d * tiles + other) - tl.load(high + d * tiles + tile)
            above = tl.load(low + d * tiles + tile) - tl.load(high + d * tiles + other)
            apart = tl.maximum(tl.maximum(below, above), 0.0)
            gap += apart * apart
        if gap < REACH:
            squared = tl.zeros((TILE, TILE), tl.float32)
            for d in tl.static_range(DIMS):
                here = tl.load(features + d * padded + tile * TILE + pixel)
                there = tl.load(features + d * padded + other * TILE + pixel)
                step = here[:, None] - there[None, :]
                squared += step * step
            weight = tl.exp2(squared * -0.7213475204444817)  # log2(e) / 2
            near = tl.load(rows + (other * TILE + pixel)[:, None] * WIDTH + channel[None, :])
            total += tl.dot(weight.to(near.dtype), near, input_precision="ieee")
    place = (image * padded + tile * TILE + pixel)[:, None] * WIDTH + channel[None, :]
    tl.store(out + place, total)
