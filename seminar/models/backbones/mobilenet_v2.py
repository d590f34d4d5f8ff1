"""MobileNetV2 (Sandler et al., CVPR 2018) with dilation instead of stride in the last stage."""

from __future__ import annotations

from torch import nn
from torchvision import models as tv

from seminar.models.backbones.extractor import Extractor, Features, NormLayer


def mobilenet_v2(layer: NormLayer) -> Extractor:
    """With plain batch norm all blocks are used, otherwise those before the dilated stage."""
    network = tv.mobilenet_v2(norm_layer=layer)
    _dilate(network.features[14:])
    whole = layer is nn.BatchNorm2d
    return Extractor(
        network,
        Features(16, 24, 320 if whole else 96, light=True),
        first_conv="features.0.0",
        half="features.1",
        quarter="features.3",
        deep="features.17" if whole else "features.13",
    )


def _dilate(blocks: nn.Module) -> None:
    """Replace stride 2 by dilation 2 in the 3x3 convolutions: output stride 32 becomes 16."""
    for module in blocks.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            strided = module.stride == (2, 2)
            module.stride = (1, 1)
            if not strided:
                module.dilation = module.padding = (2, 2)
