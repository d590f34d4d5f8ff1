"""torchvision's ImageNet classifiers as feature extractors at strides 2, 4 and 16."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.ops.misc import FrozenBatchNorm2d

from seminar.config.backbones import Backbone
from seminar.config.settings import Norm
from seminar.models.backbones.channels import rgb_shares
from seminar.models.backbones.extractor import Builder, Features, NormLayer
from seminar.models.backbones.folding import fold_batch_norm
from seminar.models.backbones.mobilenet_v2 import mobilenet_v2
from seminar.models.backbones.mobilenet_v3 import mobilenet_v3_large
from seminar.models.backbones.resnet import resnet50, resnet101
from seminar.models.backbones.weights import load_weights

BUILDERS: Mapping[Backbone, Builder] = {
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_large": mobilenet_v3_large,
    "resnet50": resnet50,
    "resnet101": resnet101,
}

GROUP_CHANNELS = 8
"""GroupNorm's groups have this many channels (fewer where the number does not divide)."""


def build_backbone(
    name: Backbone, *, norm: Norm, weights: str, channels: int, load: bool = True
) -> tuple[nn.Module, Features]:
    """A feature extractor and its properties.

    The module maps (N, `channels`, H, W), normalised, to a dict of "half", "quarter" and "deep".

    Parameters
    ----------
    norm : {"group", "batch"}
        "group" freezes the batch norms of a pretrained backbone and folds them into the
        convolutions (same function, a third less memory traffic); an untrained backbone has
        GroupNorm instead. "batch" keeps plain batch norm.
    weights : str
        "imagenet", "none" or the path of a state dict.
    load : bool
        False leaves the weights as they are, for a network whose trained state is loaded next.
    """
    layer: NormLayer = nn.BatchNorm2d
    if norm == "group":
        layer = group_norm if weights == "none" else FrozenBatchNorm2d
    extractor = BUILDERS[name](layer)
    network = extractor.classifier
    if load:
        load_weights(network, name, weights)
    if layer is FrozenBatchNorm2d:
        fold_batch_norm(network)
    adapt_first_conv(network, extractor.first_conv, channels)
    taps = {extractor.half: "half", extractor.quarter: "quarter", extractor.deep: "deep"}
    return create_feature_extractor(network, taps), extractor.features


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm in place of a batch norm; it suits small batches of small crops."""
    groups = max(1, channels // GROUP_CHANNELS)
    while channels % groups:
        groups -= 1
    return nn.GroupNorm(groups, channels)


def adapt_first_conv(network: nn.Module, name: str, channels: int) -> None:
    """Give the convolution `name` `channels` inputs instead of 3, and keep what it has learnt.

    An image of equal channels gives what its grey RGB copy gives; see `rgb_shares`.
    """
    if channels == 3:
        return
    conv: Any = network.get_submodule(name)
    weight = conv.weight.detach()
    shared = torch.einsum("ochw,cn->onhw", weight, rgb_shares(channels))
    shape = conv.out_channels, conv.kernel_size, conv.stride, conv.padding
    new = nn.Conv2d(channels, *shape, bias=conv.bias is not None)
    new.weight = nn.Parameter(shared)
    if conv.bias is not None:
        new.bias = nn.Parameter(conv.bias.detach().clone())
    network.set_submodule(name, new)
