"""Texts and groups of the settings on screen; their labels are in `TrainConfig`'s metadata."""

from __future__ import annotations

from seminar.config.presets import PresetName

FILE_CHOICE = "…"

KEPT_BY_PRESETS = (
    "losses",
    "split",
    "val_split",
    "limit",
    "pseudo_labels",
    "objectness",
    "absent_class",
    "weights",
    "channels",
    "stretch",
    "device",
    "seed",
)
"""What belongs to the data or the machine, not to a preset's budget."""

PRESET_TEXTS: dict[PresetName, str] = {"quick": "Quick", "balanced": "Balanced", "paper": "Paper"}
BACKBONE_TEXTS = (
    ("MobileNetV2", "mobilenet_v2"),
    ("MobileNetV3 large", "mobilenet_v3_large"),
    ("ResNet-50", "resnet50"),
    ("ResNet-101", "resnet101"),
)
WEIGHT_TEXTS = (("ImageNet", "imagenet"), ("from scratch", "none"), ("file…", FILE_CHOICE))

SECTIONS: dict[str, str] = {
    "losses": "What it learns from",
    "norm": "Network",
    "channels": "Input",
    "optimizer": "Optimiser",
    "convention": "Losses",
    "seed": "Running",
}
"""Headings of the folded part, by the first setting under them."""
