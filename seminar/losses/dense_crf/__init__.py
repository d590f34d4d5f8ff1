"""Neighbours of like colour should carry like labels: the dense-CRF loss (first working version)."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from seminar.losses.dense_crf.features import pixel_features

__all__ = ["dense_crf"]


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """exp(-|a - b|^2 / 2) between the columns of a (N, D, m) and b (N, D, P)."""
    a, b = a * math.sqrt(math.log2(math.e)), b * math.sqrt(math.log2(math.e))
    half_a, half_b = a.square().sum(1) / 2, b.square().sum(1) / 2
    exponent = torch.bmm(a.transpose(1, 2), b) - half_a[:, :, None] - half_b[:, None, :]
    return exponent.clamp_(-40, 0).exp2_()


def _filter(features: Tensor, values: Tensor, landmarks: int) -> Tensor:
    pixels = features.shape[-1]
    features = features - features.mean(-1, keepdim=True)
    index = torch.linspace(0, pixels - 1, min(landmarks * 8, pixels), device=features.device).long()
    sample = features[:, :, index]
    chosen = sample[:, :, :: max(1, sample.shape[-1] // landmarks)][:, :, :landmarks].contiguous()
    for _ in range(3):
        nearest = torch.cdist(sample.transpose(1, 2), chosen.transpose(1, 2)).argmin(-1)  # (N, s)
        sums = torch.zeros_like(chosen).scatter_add_(2, nearest[:, None, :].expand_as(sample), sample)
        counts = torch.zeros_like(chosen[:, 0]).scatter_add_(1, nearest, torch.ones_like(sample[:, 0]))
        chosen = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], chosen)
    between = _kernel(chosen, chosen).double()
    between.diagonal(dim1=1, dim2=2).add_(1e-4)
    factor = torch.linalg.cholesky(between)
    chunks = [slice(i, i + 4096) for i in range(0, pixels, 4096)]
    gathered = sum(torch.bmm(values[:, :, c], _kernel(chosen, features[:, :, c]).transpose(1, 2)) for c in chunks)
    assert isinstance(gathered, Tensor)
    core = torch.cholesky_solve(gathered.transpose(1, 2).double(), factor).transpose(1, 2).to(values.dtype)
    return torch.cat([torch.bmm(core, _kernel(chosen, features[:, :, c])) for c in chunks], -1)


class _DenseCrf(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, probs: Tensor, features: Tensor, landmarks: int, scale: Tensor, paper: bool) -> Tensor:
        filtered = _filter(features, probs, landmarks)
        total = filtered.sum(1, keepdim=True)
        slope = (filtered * -1.0 if paper else total - filtered) * scale
        ctx.save_for_backward(slope)
        return (probs * slope).sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (slope,) = ctx.saved_tensors
        return slope * (2 * grad), None, None, None, None


def dense_crf(
    probs: Tensor,
    image: Tensor,
    *,
    sigma_rgb: float = 15.0,
    sigma_xy: float = 100.0,
    valid: Tensor | None = None,
    method: Literal["nystrom", "exact", "lattice"] = "nystrom",
    landmarks: int = 256,
    prepared: Any = None,
    convention: Literal["scale_free", "paper"] = "scale_free",
) -> Tensor:
    """Scalar loss; probs (N, K, H, W), image (N, C, H, W) in 0..255, valid (N, H, W) bool."""
    with torch.autocast(probs.device.type, enabled=False):
        dtype = probs.dtype if probs.dtype == torch.float64 else torch.float32
        probs = probs.to(dtype)
        if valid is not None:
            probs = torch.where(valid[:, None], probs, 0)
            count = valid.sum().clamp(min=1)
        else:
            count = torch.tensor(probs[:, 0].numel(), device=probs.device)
        if convention == "scale_free":
            scale = 1.0 / (count * 2 * math.pi * sigma_xy**2)
        else:
            scale = torch.full((), 2e-9 / probs.shape[0], device=probs.device)
        features = pixel_features(image.detach().to(dtype), sigma_rgb, sigma_xy)
        result: Tensor = _DenseCrf.apply(probs.flatten(2), features, landmarks, scale.to(dtype), convention == "paper")
        return result
