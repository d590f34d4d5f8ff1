"""Order similar pixels next to each other, so that a block of them needs few landmarks."""

from __future__ import annotations

import torch
from torch import Tensor

_KEY_BITS = 13  # of the curve's key, shared out among the dimensions; int16 sorts fast
_CELLS = 256  # steps per dimension, over two standard deviations on either side of the mean


def order_along_curve(features: Tensor) -> Tensor:
    """Order the pixels along a Morton curve through the feature space.

    Each bit of the key halves the dimension that is widest at that moment; equal keys keep the
    raster order.

    Parameters
    ----------
    features
        (N, D, P) of ``pixel_features``.

    Returns
    -------
    Tensor
        (N, P) int64, indices of pixels.
    """
    batch, dims, pixels = features.shape
    sample = features[:, :, :: max(1, pixels // 4096)].contiguous()
    mean = sample.mean(-1, keepdim=True)  # (N, D, 1)
    spread = (sample - mean).square_().mean(-1, keepdim=True).sqrt_()
    table = _interleave(spread[..., 0])  # (N, D, 256)
    scale = (_CELLS / 4) / spread.clamp(min=1e-6)
    shift = _CELLS / 2 - mean * scale
    orders = []
    for i in range(batch):  # a row at a time: sorting int16 is fast in one dimension only
        key = torch.zeros(pixels, dtype=torch.int16, device=features.device)
        for d in range(dims):
            cell = torch.addcmul(shift[i, d], features[i, d], scale[i, d]).int()
            key += table[i, d].index_select(0, cell.clamp_(0, _CELLS - 1))  # 0 for a NaN
        orders.append(key.argsort(stable=True)[None])
    return orders[0] if batch == 1 else torch.cat(orders)


def _interleave(widths: Tensor) -> Tensor:
    """The part of the key from each step of each dimension: (N, D, 256) int16, widths (N, D).

    Halving the widest again and again takes the halves in the order of their size.
    """
    level = torch.arange(8, device=widths.device)
    halves = widths[..., None] * 0.5**level  # (N, D, 8)
    taken = halves.flatten(1).topk(_KEY_BITS).indices  # (N, 13), the widest first
    place = 2.0 ** torch.arange(_KEY_BITS - 1, -1, -1, device=widths.device, dtype=widths.dtype)
    worth = torch.zeros_like(halves).flatten(1)
    worth = worth.scatter_(1, taken, place.expand(len(taken), -1)).view_as(halves)
    bit = (torch.arange(_CELLS, device=widths.device) >> (7 - level)[:, None]) & 1  # (8, 256)
    return (worth @ bit.to(worth.dtype)).to(torch.int16)
