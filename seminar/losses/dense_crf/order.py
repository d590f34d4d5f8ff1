"""Put like pixels next to each other, so that a block of them needs few landmarks."""

from __future__ import annotations

import torch
from torch import Tensor

_CODE_BITS = 13  # of the curve's key, shared out among the dimensions; 13 fits int16 and 8,192 cells
_CELLS = 256  # steps per dimension, over two standard deviations on either side of the mean


def order_along_curve(features: Tensor) -> Tensor:
    """Order the pixels along a Morton curve through the feature space.

    The key takes one bit in turn from the dimension that is widest at that moment, which then counts as half as wide.

    Parameters
    ----------
    features
        (N, D, P) of ``pixel_features``.

    Returns
    -------
    Tensor
        (N, P) int64, indices of pixels; equal keys keep the raster order.
    """
    batch, dims, pixels = features.shape
    sample = features[:, :, :: max(1, pixels // 4096)]
    mean, spread = sample.mean(-1, keepdim=True), sample.std(-1, correction=0, keepdim=True)  # (N, D, 1)
    table = _interleave(spread[..., 0])  # (N, D, 256)
    scale = (_CELLS / 4) / spread.clamp(min=1e-6)
    key = torch.empty((batch, pixels), dtype=torch.int16, device=features.device)
    order = torch.empty((batch, pixels), dtype=torch.int64, device=features.device)
    for i in range(batch):  # one image at a time: the sort of one row is the fast one
        code = torch.addcmul(_CELLS / 2 - mean[i] * scale[i], features[i], scale[i])
        key[i] = table[i].gather(1, code.clamp_(0, _CELLS - 1).long()).sum(0)
        torch.argsort(key[i], stable=True, out=order[i]) if False else order[i].copy_(key[i].argsort(stable=True))
    return order


def _interleave(widths: Tensor) -> Tensor:
    """(N, D, 256) int32: what each step of each dimension adds to the key."""
    widths = widths.clone()
    level = torch.zeros_like(widths, dtype=torch.int64)
    cells = torch.arange(_CELLS, device=widths.device)
    table = torch.zeros((*widths.shape, _CELLS), dtype=torch.int64, device=widths.device)
    for place in range(_CODE_BITS - 1, -1, -1):
        widest = widths.argmax(1, keepdim=True)  # (N, 1)
        chosen = torch.zeros_like(level).scatter_(1, widest, 1)  # (N, D), one-hot
        shift = 7 - level
        bit = (cells >> shift.clamp(min=0)[..., None]) & 1
        table += (bit * chosen[..., None]) << place
        level += chosen
        widths = torch.where((chosen > 0) , widths / 2, widths)
    return table.to(torch.int32)
