"""The feature space of the dense CRF, and the Gaussian between two of its points."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

_LOG2_E = math.log2(math.e)
Mix: TypeAlias = Callable[[Tensor, int], Tensor]
"""Combines the filtered channels along a dimension; linear, so a filter may do it where cheap."""

LOWEST_EXPONENT = -40.0  # exp2 on the CPU is several times slower where it underflows


def pixel_features(image: Tensor, sigma_rgb: float, sigma_xy: float) -> Tensor:
    """Colour and place of every pixel, in units of the kernel's width.

    ``f_p = (image_p / sigma_rgb, x_p / sigma_xy, y_p / sigma_xy)``, Tang et al. 2018
    (arXiv:1803.09569), so that ``W_pq = exp(-|f_p - f_q|^2 / 2)``.

    Parameters
    ----------
    image
        (N, C, H, W), any number of channels, on the 0..255 scale.
    sigma_rgb
        Width in colour, in units of the image.
    sigma_xy
        Width in place, in pixels of ``image``.

    Returns
    -------
    Tensor
        (N, C + 2, H * W) in the dtype of ``image``.
    """
    batch, channels, height, width = image.shape
    features = image.new_empty((batch, channels + 2, height, width))
    torch.mul(image, 1.0 / sigma_rgb, out=features[:, :channels])
    features[:, channels] = torch.arange(width, dtype=image.dtype, device=image.device) / sigma_xy
    features[:, channels + 1] = (
        torch.arange(height, dtype=image.dtype, device=image.device) / sigma_xy
    )[:, None]
    return features.flatten(2)


def gaussian(a: Tensor, b: Tensor) -> Tensor:
    """exp(-|a_i - b_j|^2 / 2) between the columns of a (N, D, m) and b (N, D, n): (N, m, n).

    One matrix product and one exp2. Both sides are centred first, which keeps the cancellation in
    float32 near 1e-5.
    """
    centre = a.mean(-1, keepdim=True)
    exponent = torch.bmm(exponent_rows(a - centre).transpose(1, 2), exponent_columns(b - centre))
    return exponent.clamp_(min=LOWEST_EXPONENT).exp2_()


def exponent_rows(a: Tensor) -> Tensor:
    """Extend a (..., D, m): rows(a)^T columns(b) = -|a - b|^2 / 2 * log2(e)."""
    norm = a.square().sum(-2, keepdim=True)
    return torch.cat([a * _LOG2_E, norm * (-_LOG2_E / 2), torch.full_like(norm, -_LOG2_E / 2)], -2)


def exponent_columns(b: Tensor) -> Tensor:
    """Extend b (..., D, n) by a row of ones and its squared norm, to go with ``exponent_rows``."""
    norm = b.square().sum(-2, keepdim=True)
    return torch.cat([b, torch.ones_like(norm), norm], -2)
