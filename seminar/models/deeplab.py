"""DeepLabv3+ (Chen et al., ECCV 2018): backbone, atrous spatial pyramid pooling and decoder."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.segmentation.deeplabv3 import ASPP

from seminar.config.settings import TrainConfig
from seminar.models.backbones.build import build_backbone, group_norm
from seminar.models.backbones.extractor import Features

ATROUS_RATES = (6, 12, 18)
"""Rates of the pyramid at output stride 16 (section 4); it also has a 1x1 branch and pooling."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


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


class DeepLabV3Plus(nn.Module):
    """Image in, logits out, at any size and with any number of channels.

    The input is (N, C, H, W) float on 0..255, straight from the image; the network normalises it
    itself, so that an exported model needs no preprocessing. The output is (N, K, H, W) logits.

    Departures from the paper's network: a mobile backbone gets a head of 128 instead of 256
    channels with separable convolutions and a second skip at stride 2, which small objects need
    (about +1 point on nuclei); `norm="group"` has GroupNorm in the head.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        features: Features,
        *,
        num_classes: int,
        channels: int,
        group: bool,
    ) -> None:
        super().__init__()
        width = 128 if features.light else 256
        self.register_buffer("mean", _of_channels(IMAGENET_MEAN, channels), persistent=False)
        self.register_buffer("std", _of_channels(IMAGENET_STD, channels), persistent=False)
        self.backbone = backbone
        self.aspp = ASPP(features.deep, list(ATROUS_RATES), width)
        self.aspp.project[3] = CropDropout(0.1 if features.light else 0.5)
        self.skip_quarter = _conv(features.quarter, 48, 1)
        block = _separable if features.light else _conv
        fused = 64 if features.light else width
        self.fuse_quarter = nn.Sequential(block(width + 48, width, 3), block(width, fused, 3))
        self.skip_half: nn.Module | None = None
        if features.light:
            self.skip_half = _conv(features.half, 16, 1)
            self.fuse_half = _separable(fused + 16, 32, 3)
        self.classify = nn.Conv2d(32 if features.light else fused, num_classes, 1)
        if group:
            for name, part in self.named_children():
                if name != "backbone":
                    _use_group_norm(part)

    def forward(self, image: Tensor) -> Tensor:
        size = image.shape[-2:]
        taps = self.backbone((image - self.mean) / self.std)
        x = self.aspp(taps["deep"])  # (N, width, H/16, W/16)
        quarter = taps["quarter"]
        x = _resize(x, quarter.shape[-2:])
        x = torch.cat([x, self.skip_quarter(quarter)], dim=1)
        x = self.fuse_quarter(x)  # (N, fused, H/4, W/4)
        if self.skip_half is not None:
            half = taps["half"]
            x = _resize(x, half.shape[-2:])
            x = self.fuse_half(torch.cat([x, self.skip_half(half)], dim=1))  # (N, 32, H/2, W/2)
        logits: Tensor = _resize(self.classify(x), size)  # (N, K, H, W)
        return logits

    def head_parameters(self) -> list[nn.Parameter]:
        """All parameters that are not the backbone's; they learn faster."""
        backbone = {id(parameter) for parameter in self.backbone.parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in backbone]


def build_network(
    config: TrainConfig, *, num_classes: int, channels: int, load: bool = True
) -> DeepLabV3Plus:
    """The network of these settings, for images of `channels` channels.

    `load=False` skips the start weights.
    """
    backbone, features = build_backbone(
        config.backbone, norm=config.norm, weights=config.weights, channels=channels, load=load
    )
    return DeepLabV3Plus(
        backbone, features, num_classes=num_classes, channels=channels, group=config.norm == "group"
    )


def _of_channels(rgb: tuple[float, float, float], channels: int) -> Tensor:
    """Values of RGB on 0..1 as (channels, 1, 1) on 0..255: repeated, or their mean for grey."""
    values = torch.tensor(rgb)
    values = values.mean()[None] if channels == 1 else values[torch.arange(channels) % 3]
    return 255 * values[:, None, None]


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


def _resize(x: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
