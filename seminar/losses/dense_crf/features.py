"""Where a pixel lies in the feature space of the dense CRF."""

from __future__ import annotations

import torch
from torch import Tensor


def pixel_features(image: Tensor, sigma_rgb: float, sigma_xy: float) -> Tensor:
    """Colour and place of every pixel, in units of the kernel's width.

    ``f_p = (image_p / sigma_rgb, x_p / sigma_xy, y_p / sigma_xy)``, Tang et al. 2018 (arXiv:1803.09569), sec. 4, so
    that ``W_pq = exp(-|f_p - f_q|^2 / 2)``.

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
    features[:, channels + 1] = (torch.arange(height, dtype=image.dtype, device=image.device) / sigma_xy)[:, None]
    return features.flatten(2)
