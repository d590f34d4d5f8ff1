"""The filter as defined, every pixel with every other: for tests, and for small images."""

from __future__ import annotations

import torch
from torch import Tensor

from seminar.losses.dense_crf.features import gaussian

_CHUNK_ELEMENTS = 2**22  # of W at a time


def filter_exact(features: Tensor, values: Tensor) -> Tensor:
    """Return W values (N, K, P) for features (N, D, P), in O(P^2) time and O(P) memory.

    On CUDA in float32 a fused kernel does it where triton is installed.
    """
    if features.device.type == "cuda" and features.dtype == torch.float32:
        try:
            from seminar.losses.dense_crf.triton_exact import filter_exact_fused
        except ImportError:
            pass
        else:
            return filter_exact_fused(features, values)
    pixels = features.shape[-1]
    step = max(1, _CHUNK_ELEMENTS // (pixels * len(features)))
    filtered = torch.empty_like(values)
    for start in range(0, pixels, step):
        near = gaussian(features, features[:, :, start : start + step])  # (N, P, step)
        filtered[:, :, start : start + step] = torch.bmm(values, near)
    return filtered
