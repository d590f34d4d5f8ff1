"""DeepLabv3+ (Chen et al., ECCV 2018): a decoder on a backbone, both trained from the start."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from seminar.config.backbones import Backbone
from seminar.config.settings import TrainConfig
from seminar.models.backbones.build import build_backbone
from seminar.models.backbones.extractor import Features
from seminar.models.decoder import Decoder

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class DeepLabV3Plus(Decoder):
    """Image in, logits out, at any size and with any number of channels.

    The input is (N, C, H, W) float on 0..255, straight from the image; the network normalises it
    itself, so that an exported model needs no preprocessing. The output is (N, K, H, W) logits.
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
        super().__init__(features, num_classes=num_classes, group=group)
        self.register_buffer("mean", _of_channels(IMAGENET_MEAN, channels), persistent=False)
        self.register_buffer("std", _of_channels(IMAGENET_STD, channels), persistent=False)
        self.backbone = backbone

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        return self.decode(self.backbone((image - self.mean) / self.std), (height, width))

    @property
    def num_classes(self) -> int:
        return self.classify.out_channels

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """The parameters that learn, of "backbone" and "head"."""
        backbone = {id(parameter) for parameter in self.backbone.parameters()}
        return {
            "backbone": [each for each in self.backbone.parameters() if each.requires_grad],
            "head": [each for each in self.parameters() if id(each) not in backbone],
        }


def build_deeplab(
    config: TrainConfig, *, num_classes: int, channels: int, load: bool = True
) -> DeepLabV3Plus:
    """The network of these settings that starts at random, for images of `channels` channels.

    `load=False` skips the start weights.
    """
    backbone, features = build_backbone(
        cast(Backbone, config.backbone),
        norm=config.norm,
        weights=config.weights,
        channels=channels,
        load=load,
    )
    return DeepLabV3Plus(
        backbone, features, num_classes=num_classes, channels=channels, group=config.norm == "group"
    )


def _of_channels(rgb: tuple[float, float, float], channels: int) -> Tensor:
    """Values of RGB on 0..1 as (channels, 1, 1) on 0..255: repeated, or their mean for grey."""
    values = torch.tensor(rgb)
    values = values.mean()[None] if channels == 1 else values[torch.arange(channels) % 3]
    return 255 * values[:, None, None]
