"""MobileNetV3 (Howard et al., ICCV 2019) with dilation instead of stride in the last stage."""

from __future__ import annotations

from torchvision import models as tv

from seminar.models.backbones.extractor import Extractor, Features, NormLayer


def mobilenet_v3_large(layer: NormLayer) -> Extractor:
    return Extractor(
        tv.mobilenet_v3_large(norm_layer=layer, dilated=True),
        Features(16, 24, 160, light=True),
        first_conv="features.0.0",
        half="features.1",
        quarter="features.3",
        deep="features.15",
    )
