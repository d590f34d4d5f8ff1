"""The settings' names on screen, and messages that speak them."""

from __future__ import annotations

import re
import typing

from seminar.config.backbones import BACKBONES
from seminar.config.settings import TrainConfig

SETTINGS = TrainConfig.__dataclass_fields__

BUTTONS = {"resume": "“Resume”"}
"""Options that are buttons in the window."""

_HINTS = typing.get_type_hints(TrainConfig)
_WORDS = {"weights": ("none", "imagenet"), "device": ("cpu", "cuda", "mps")}
_OPTION_OR_SETTING = re.compile(
    r"(?<![\w/.-])(--)?([a-z]+(?:[-_][a-z]+)*)(?![\w/.-])(?: (FILE|[a-z][a-z0-9_]*))?"
)


def label(name: str) -> str:
    """What the form writes next to a setting."""
    return SETTINGS[name].metadata["label"] or name.replace("_", " ").capitalize()


def choice_text(name: str, value: str) -> str:
    """What the form shows for one of a setting's choices; empty for what is none of them."""
    if name == "weights" and value == "FILE":
        return "file…"
    if name == "weights" and value == "imagenet":
        return "ImageNet"
    if name == "weights" and value == "none":
        return "from scratch"
    if name == "backbone" and value in BACKBONES:
        return BACKBONES[typing.cast("typing.Any", value)].title
    return value.replace("_", " ") if value in _choices(name) else ""


def in_labels(message: str) -> str:
    """A message of the library with the form's labels: "CRF weight" for --lambda-crf.

    An option with one of its choices is quoted as it is seen: "Network: none, filters alone" for
    --backbone none.
    """

    def replaced(found: re.Match[str]) -> str:
        dashes, option, value = found[1], found[2], found[3] or ""
        name = option.replace("-", "_")
        if dashes and option in BUTTONS:
            return BUTTONS[option] + (f" {in_labels(value)}" if value else "")
        is_named = dashes or "_" in option or message[found.end(2) :].startswith(":")
        if name not in SETTINGS or not is_named:
            # what comes after may be a setting
            return found[0].removesuffix(value) + in_labels(value) if value else found[0]
        if dashes and (text := choice_text(name, value)):
            return f"“{label(name)}: {text}”"
        return label(name) + (f" {in_labels(value)}" if value else "")

    return _OPTION_OR_SETTING.sub(replaced, message)


def _choices(name: str) -> tuple[str, ...]:
    return _WORDS.get(name) or typing.get_args(_HINTS[name])
