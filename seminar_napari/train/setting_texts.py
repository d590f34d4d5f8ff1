"""Texts and groups of the settings on screen; their labels are in `session.setting_labels`."""

from __future__ import annotations

from seminar.config.backbones import BACKBONES
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
"""Settings of the data or the machine, which stay when another preset is chosen."""

PRESET_TEXTS: dict[PresetName, str] = {"quick": "Quick", "balanced": "Balanced", "paper": "Paper"}
BACKBONE_TEXTS = tuple((facts.title, name) for name, facts in BACKBONES.items())
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

TERM_TEXTS = {
    "pce": "clicks",
    "crf": "CRF",
    "pcons": "consistency",
    "pseudo": "pseudo-labels",
    "presence": "classes",
    "full": "dense masks",
}


def term_text(term: str) -> str:
    """The name of a loss term in the form and under its curve; its own where no other is given."""
    return TERM_TEXTS.get(term, term)
