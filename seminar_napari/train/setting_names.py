"""How the settings are called and grouped on screen."""

from __future__ import annotations

from seminar.config.settings import PresetName

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

NAMES: dict[str, str] = {
    "optimizer": "Optimiser",
    "limit": "Images at most",
    "val_split": "Validation split",
    "base_lr": "Learning rate",
    "head_lr_factor": "Head's rate ×",
    "lr_by_classes": "Rate by classes",
    "lambda_crf": "CRF weight",
    "lambda_pcons": "Consistency weight",
    "lambda_pseudo": "Pseudo-label weight",
    "crf_ramp": "CRF ramp",
    "pcons_ramp": "Consistency ramp",
    "sigma_rgb": "CRF colour σ",
    "sigma_xy": "CRF distance σ",
    "crf_method": "CRF method",
    "crf_relaxation": "CRF within regions",
    "crf_landmarks": "CRF landmarks",
    "ema_decay": "EMA decay",
    "pseudo_network": "Pseudo-labels by",
    "pseudo_confidence": "Sure at least",
    "pseudo_balance": "Scarce classes",
    "strong_augmentation": "Strong augment.",
    "self_generation": "Self-generation",
    "pseudo_labels": "Pseudo-labels from",
    "objectness": "Objectness from",
    "lambda_presence": "Presence weight",
    "lambda_objectness": "Objectness weight",
}
