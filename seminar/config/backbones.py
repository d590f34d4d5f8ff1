"""The backbones that a run can choose; `seminar.models.backbones` builds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Backbone = Literal["mobilenet_v2", "mobilenet_v3_large", "resnet50", "resnet101"]
"""Of a network that starts at random."""

PyramidName = Literal[
    "efficientnet_lite0",
    "mobilenetv4_conv_small",
    "mobilenet_v2",
    "resnet50",
    "resnet101",
    "convnext_tiny",
    "dinov2_vits14",
]

NetworkBackbone = Literal[
    "efficientnet_lite0",
    "mobilenetv4_conv_small",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "resnet50",
    "resnet101",
    "convnext_tiny",
    "dinov2_vits14",
    "none",
]
"""Of all networks that can be trained."""


@dataclass(frozen=True)
class BackboneFacts:
    """A backbone as the window shows it.

    Attributes
    ----------
    cost : float
        Rough cost of an iteration relative to MobileNetV2, by the floating-point operations of the
        classifier, with the same decoder on top.
    light : bool
        Whether the decoder is narrow, to match a mobile network.
    """

    title: str
    cost: float
    light: bool


BACKBONES: Mapping[NetworkBackbone, BackboneFacts] = {
    "efficientnet_lite0": BackboneFacts("EfficientNet-Lite0", 1.0, light=True),
    "mobilenetv4_conv_small": BackboneFacts("MobileNetV4 small", 0.8, light=True),
    "mobilenet_v2": BackboneFacts("MobileNetV2", 1.0, light=True),
    "mobilenet_v3_large": BackboneFacts("MobileNetV3 large", 0.9, light=True),
    "resnet50": BackboneFacts("ResNet-50", 5.0, light=False),
    "resnet101": BackboneFacts("ResNet-101", 8.0, light=False),
    "convnext_tiny": BackboneFacts("ConvNeXt tiny", 5.0, light=False),
    "dinov2_vits14": BackboneFacts("DINOv2 ViT-S/14", 6.0, light=False),
    "none": BackboneFacts("none, filters alone", 0.4, light=True),
}

DOWNLOADED = ("imagenet", "pretrained")
"""Names of a pyramid's weights that are had from elsewhere."""

LICENCES = ("Apache-2.0", "MIT", "BSD-3-Clause")
"""Licences (SPDX) under which weights may be passed on with a model."""


@dataclass(frozen=True)
class PyramidFacts:
    """A frozen backbone as the window shows it.

    Attributes
    ----------
    timm_name : str
        Architecture and weights in timm, "architecture.tag".
    licence : str
        SPDX identifier of the licence of these weights, one of `LICENCES`.
    trained_on : str
        The images that the weights have seen.
    """

    title: str
    timm_name: str
    licence: str
    trained_on: str

    @property
    def hub_id(self) -> str:
        """Repository of the weights on the Hugging Face hub."""
        return f"timm/{self.timm_name}"

    @property
    def origin(self) -> str:
        """Web page of the weights."""
        return f"https://huggingface.co/{self.hub_id}"


PYRAMIDS: Mapping[PyramidName, PyramidFacts] = {
    "efficientnet_lite0": PyramidFacts(
        "EfficientNet-Lite0", "tf_efficientnet_lite0.in1k", "Apache-2.0", "ImageNet-1k"
    ),
    "mobilenetv4_conv_small": PyramidFacts(
        "MobileNetV4 small",
        "mobilenetv4_conv_small.e2400_r224_in1k",
        "Apache-2.0",
        "ImageNet-1k",
    ),
    "mobilenet_v2": PyramidFacts(
        "MobileNetV2", "mobilenetv2_100.ra_in1k", "Apache-2.0", "ImageNet-1k"
    ),
    "resnet50": PyramidFacts("ResNet-50", "resnet50.a1_in1k", "Apache-2.0", "ImageNet-1k"),
    "resnet101": PyramidFacts("ResNet-101", "resnet101.a1_in1k", "Apache-2.0", "ImageNet-1k"),
    "convnext_tiny": PyramidFacts(
        "ConvNeXt tiny",
        "convnext_tiny.in12k_ft_in1k",
        "Apache-2.0",
        "ImageNet-12k, then ImageNet-1k",
    ),
    "dinov2_vits14": PyramidFacts(
        "DINOv2 ViT-S/14",
        "vit_small_patch14_reg4_dinov2.lvd142m",
        "Apache-2.0",
        "LVD-142M, without labels",
    ),
}
"""Backbones of the probe. Only weights whose licence is in `LICENCES` are here."""


def pyramid_facts(backbone: str) -> PyramidFacts | None:
    """The facts of a backbone; None of filters alone."""
    return next((facts for name, facts in PYRAMIDS.items() if name == backbone), None)
