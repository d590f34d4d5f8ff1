"""ResNet (He et al., CVPR 2016) with dilation instead of stride in the last stage."""

from __future__ import annotations

from torch import nn
from torchvision import models as tv

from seminar.models.backbones.extractor import Extractor, Features, NormLayer

DILATED = [False, False, True]


def resnet50(layer: NormLayer) -> Extractor:
    return _extractor(tv.resnet50(norm_layer=layer, replace_stride_with_dilation=DILATED))


def resnet101(layer: NormLayer) -> Extractor:
    return _extractor(tv.resnet101(norm_layer=layer, replace_stride_with_dilation=DILATED))


def _extractor(network: nn.Module) -> Extractor:
    return Extractor(
        network,
        Features(64, 256, 2048, light=False),
        first_conv="conv1",
        half="relu",
        quarter="layer1",
        deep="layer4",
    )
