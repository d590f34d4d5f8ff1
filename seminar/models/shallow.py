"""Filters that need no learning: intensity, edges and texture at several scales."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seminar.models.filters import PER_CHANNEL, RADIUS, SIGMA, STRIDES

_TINY = 1e-12  # under roots, so that a graph exported elsewhere sees no root of a negative number


class ShallowStream(nn.Module):
    """Multiscale intensity, gradient magnitude and the eigenvalues of the Hessian.

    These are the features of `skimage.feature.multiscale_basic_features`, on a Gaussian pyramid:
    each scale is computed on the image averaged down to its stride. So they cost little, and they
    are layers of a network that can be exported. Departures: central differences instead of Sobel
    filters; the coarse scales are blurred by the averaging, too.

    Attributes
    ----------
    strides, widths : tuple of int
        Pixels between neighbours of each map, and its channels.
    multiple : int
        Images are padded to multiples of this, right and bottom.
    """

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.strides = STRIDES
        self.widths = (PER_CHANNEL * channels,) * len(STRIDES)
        self.multiple = self.strides[-1]
        kernel = torch.exp(-0.5 * (torch.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
        self.register_buffer("kernel", kernel / kernel.sum(), persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Maps of a padded image, (N, C, H, W) on 0..255: each (N, 4 C, H/stride, W/stride)."""
        image, maps = image / 255, []
        for stride in self.strides:
            if stride > 1:
                image = F.avg_pool2d(image, 2)
            maps.append(self._features(image))
        return maps

    def _features(self, image: Tensor) -> Tensor:
        channels, radius = image.shape[1], len(self.kernel) // 2
        kernel = self.kernel.expand(channels, 1, 1, -1)
        padded = F.pad(image, (radius,) * 4, mode="replicate")
        blurred = F.conv2d(padded, kernel, groups=channels)
        blurred = F.conv2d(blurred, kernel.transpose(2, 3), groups=channels)
        around = F.pad(blurred, (1, 1, 1, 1), mode="replicate")
        up, down = around[:, :, :-2, 1:-1], around[:, :, 2:, 1:-1]
        left, right = around[:, :, 1:-1, :-2], around[:, :, 1:-1, 2:]
        # in place where it can be: fresh memory costs as much as the arithmetic
        gradient = _length((down - up).div_(2), (right - left).div_(2))
        along, across = down + up, right + left
        mixed = around[:, :, 2:, 2:] + around[:, :, :-2, :-2]
        mixed = mixed.sub_(around[:, :, 2:, :-2]).sub_(around[:, :, :-2, 2:]).div_(4)
        spread = _length((along - across).div_(2), mixed)
        mean = along.add_(across).div_(2).sub_(blurred, alpha=2)
        return torch.cat([blurred, gradient, mean + spread, mean - spread], dim=1)


def _length(one: Tensor, other: Tensor) -> Tensor:
    """sqrt(one^2 + other^2), in place of the first."""
    return one.square_().addcmul_(other, other).add_(_TINY).sqrt_()
