"""Put like pixels next to each other, so that a block of them needs few landmarks."""

from __future__ import annotations

import torch
from torch import Tensor

_KEY_BITS = 13  # of the curve's key, shared out among the dimensions; int16 sorts fast
_CELLS = 256  # steps per dimension, over two standard deviations on either side of the mean


def order_along_curve(features: Tensor) -> Tensor:
    """Order the pixels along a Morton curve through the feature space.

    Each bit of the key halves the dimension that is widest at that moment; equal keys keep the raster order.

    Parameters
    ----------
    features
        (N, D, P) of ``pixel_features``.

    Returns
    -------
    Tensor
        (N, P) int64, indices of pixels.
    """
    batch, _, pixels = features.shape
    sample = features[:, :, :: max(1, pixels // 4096)].contiguous()
    mean = sample.mean(-1, keepdim=True)  # (N, D, 1)
    spread = (sample - mean).square_().mean(-1, keepdim=True).sqrt_()
    table = _interleave(spread[..., 0])  # (N, D, 256)
    scale = (_CELLS / 4) / spread.clamp(min=1e-6)
    shift = _CELLS / 2 - mean * scale
    orders = []
    for i in range(batch):  # a row at a time: sorting int16 is fast in one dimension only
        cells = torch.addcmul(shift[i], features[i], scale[i]).nan_to_num_(0.0).clamp_(0, _CELLS - 1).long()
        key = table[i].gather(1, cells).sum(0, dtype=torch.int32).to(torch.int16)
        orders.append(key.argsort(stable=True))
    return torch.stack(orders)


def _interleave(widths: Tensor) -> Tensor:
    """What each step of each dimension adds to the key: (N, D, 256) int32."""
    widths = widths.clone()
    level = torch.zeros_like(widths, dtype=torch.int64)
    steps = torch.arange(_CELLS, device=widths.device)
    table = torch.zeros((*widths.shape, _CELLS), dtype=torch.int64, device=widths.device)
    for place in range(_KEY_BITS - 1, -1, -1):
        widest = torch.zeros_like(level).scatter_(1, widths.argmax(1, keepdim=True), 1)  # (N, D), one-hot
        bit = (steps >> (7 - level).clamp(min=0)[..., None]) & 1
        table += (bit * widest[..., None]) << place
        level += widest
        widths = torch.where(widest > 0, widths / 2, widths)
    return table.to(torch.int32)
