"""The decoder of DeepLabv3+ (Chen et al., ECCV 2018), under atrous spatial pyramid pooling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.segmentation.deeplabv3 import ASPP

from seminar.models.backbones.build import group_norm
from seminar.models.backbones.extractor import Features

ATROUS_RATES = (6, 12, 18)
"""Rates of the pyramid at output stride 16 (section 4); it also has a 1x1 branch and pooling."""


class CropDropout(nn.Dropout):
    """Dropout whose masks do not depend on whether a batch is processed whole or in parts.

    Attributes
    ----------
    place : (int, int) or None
        Number of the part's first crop, and of crops in the whole batch; None for a whole batch.
    """

    place: tuple[int, int] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.place is None or not self.training:
            return super().forward(x)
        first, whole = self.place
        is_last = x.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if is_last else torch.contiguous_format
        ones = x.new_ones((whole, *x.shape[1:])).to(memory_format=layout)
        mask = super().forward(ones)
        return x * mask[first : first + len(x)]


class Decoder(nn.Module):
    """Features at three strides in, logits out.

    Departures from the paper's network: under a mobile backbone it has 128 instead of 256 channels
    with separable convolutions and a second skip at stride 2, which small objects need (about +1
    point on nuclei); `group` has GroupNorm in place of batch norm.

    Parameters
    ----------
    features : Features
        Channels of the inputs.
    group : bool
    width : int, optional
        Channels of the atrous pyramid.
    """

    def __init__(
        self, features: Features, *, num_classes: int, group: bool, width: int | None = None
    ) -> None:
        super().__init__()
        width = width or (128 if features.light else 256)
        self.aspp = ASPP(features.deep, list(ATROUS_RATES), width)
        self.aspp.project[3] = CropDropout(0.1 if features.light else 0.5)
        self.skip_quarter = _conv(features.quarter, 48, 1)
        block = _separable if features.light else _conv
        fused = width // 2 if features.light else width
        self.fuse_quarter = nn.Sequential(block(width + 48, width, 3), block(width, fused, 3))
        self.skip_half: nn.Module | None = None
        if features.light and features.half:
            self.skip_half = _conv(features.half, 16, 1)
            self.fuse_half = _separable(fused + 16, 32, 3)
        self.classify = nn.Conv2d(32 if self.skip_half is not None else fused, num_classes, 1)
        if group:
            _use_group_norm(self)

    def decode(self, taps: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """(N, K, H, W) logits of images of this size, from "half", "quarter" and "deep"."""
        x = self.aspp(taps["deep"])  # (N, width, H/16, W/16)
        quarter = taps["quarter"]
        x = resized(x, quarter.shape[-2:])
        x = torch.cat([x, self.skip_quarter(quarter)], dim=1)
        x = self.fuse_quarter(x)  # (N, fused, H/4, W/4)
        if self.skip_half is not None:
            half = taps["half"]
            x = resized(x, half.shape[-2:])
            x = self.fuse_half(torch.cat([x, self.skip_half(half)], dim=1))  # (N, 32, H/2, W/2)
        return resized(self.classify(x), size)


def _conv(inputs: int, outputs: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _separable(inputs: int, outputs: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, size, padding=size // 2, groups=inputs, bias=False),
        *_conv(inputs, outputs, 1),
    )


def _use_group_norm(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, group_norm(child.num_features))
        else:
            _use_group_norm(child)


def resized(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """(N, C, h, w) at another size, bilinearly."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
