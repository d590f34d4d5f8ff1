"""The backbones that a run can choose; `seminar.models.backbones` builds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Backbone = Literal["mobilenet_v2", "mobilenet_v3_large", "resnet50", "resnet101"]


@dataclass(frozen=True)
class BackboneFacts:
    """A backbone as the window shows it.

    Attributes
    ----------
    cost : float
        Rough cost of an iteration relative to MobileNetV2, by the floating-point operations that
        torchvision gives for each, with the same head on top.
    """

    title: str
    cost: float


BACKBONES: Mapping[Backbone, BackboneFacts] = {
    "mobilenet_v2": BackboneFacts("MobileNetV2", 1.0),
    "mobilenet_v3_large": BackboneFacts("MobileNetV3 large", 0.9),
    "resnet50": BackboneFacts("ResNet-50", 5.0),
    "resnet101": BackboneFacts("ResNet-101", 8.0),
}
