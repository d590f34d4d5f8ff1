"""What the probe says of its masks, and what the window makes known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psygnal import Signal

from seminar.config.coercion import coerce


@dataclass(frozen=True)
class Ready:
    """The probe can be fitted; `features` are what it is fitted on."""

    features: str


@dataclass(frozen=True)
class Mask:
    """New files of an image.

    Attributes
    ----------
    image_id : str
    clicks : int
        Clicks of the project that it was learnt from.
    unsure : float
        Share of the image's pixels that are unsure.
    trust : float or None
        How well the mask's edges follow those of the image, up to 1; 0 as by chance.
    """

    image_id: str
    clicks: int
    unsure: float
    trust: float | None = None


@dataclass(frozen=True)
class Waiting:
    """Nothing can be shown, and the masks of before are gone; `text` says what to do."""

    text: str


@dataclass(frozen=True)
class Notice:
    """It goes on with less; `text` says why."""

    text: str


@dataclass(frozen=True)
class Saved:
    """Its model, at this path, is new."""

    model: str


Said = Ready | Mask | Waiting | Notice | Saved

_KINDS: Mapping[str, type[Said]] = {
    "ready": Ready,
    "mask": Mask,
    "waiting": Waiting,
    "notice": Notice,
    "saved": Saved,
}


def understood(words: Mapping[str, Any]) -> Said | None:
    """What one line of the probe means; None for what this version does not know."""
    kind = _KINDS.get(str(words.get("event")))
    try:
        return coerce(words, kind) if kind is not None else None
    except TypeError:
        return None


class ProbeState:
    """Holds whether there is a live mask, and passes on what changes in it.

    Attributes
    ----------
    has_live_mask : bool
        Whether the open project has one: it is switched on, and two classes have clicks.
    unsure_shares : dict
        Share of the pixels that are unsure, by image id, of the images it has said it of.
    """

    live_mask_changed = Signal(bool)  # has_live_mask
    mask_written = Signal(str)  # image id
    masks_withdrawn = Signal()
    probe_saved = Signal()  # its model
    weights_changed = Signal()  # another file to start from: see `start_weights`
    next_click_said = Signal(str)  # where the key was pressed out of sight of its own line

    def __init__(self) -> None:
        self.has_live_mask = False
        self.unsure_shares: dict[str, float] = {}

    def set_live_mask(self, has_live_mask: bool) -> None:
        """Show the live mask from now on, or hide it."""
        if has_live_mask != self.has_live_mask:
            self.unsure_shares.clear()
            self.has_live_mask = has_live_mask
            self.live_mask_changed.emit(has_live_mask)
