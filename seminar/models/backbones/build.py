"""torchvision's ImageNet classifiers as feature extractors at strides 2, 4 and 16."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.ops.misc import FrozenBatchNorm2d

from seminar.config.backbones import Backbone
from seminar.config.settings import Norm
from seminar.models.backbones.extractor import Builder, Features, NormLayer
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
        _fold_batch_norm(network)
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

    One channel gets the sum of the RGB filters (the same as repeating the grey image); n channels
    repeat them, scaled to the same gain.
    """
    if channels == 3:
        return
    conv: Any = network.get_submodule(name)
    weight = conv.weight.detach()
    repeated = weight[:, [index % 3 for index in range(channels)]] * (3 / channels)
    if channels == 1:
        repeated = weight.sum(dim=1, keepdim=True)
    shape = conv.out_channels, conv.kernel_size, conv.stride, conv.padding
    new = nn.Conv2d(channels, *shape, bias=conv.bias is not None)
    new.weight = nn.Parameter(repeated.clone())
    if conv.bias is not None:
        new.bias = nn.Parameter(conv.bias.detach().clone())
    network.set_submodule(name, new)


def _fold_batch_norm(module: nn.Module) -> None:
    """Merge each frozen batch norm into the convolution before it."""
    children = list(module.named_children())
    for (_, conv), (norm_name, norm) in pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, FrozenBatchNorm2d):
            statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            weight, bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics)
            conv.weight, conv.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
            setattr(module, norm_name, nn.Identity())
    for _, child in children:
        _fold_batch_norm(child)
