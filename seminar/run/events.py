"""Events of a run: yielded by the trainer, printed by the command line, followed by the window."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from seminar.config.coercion import coerce

EVENTS_VERSION = 1

PROBE = "probe"
"""The start of a run, in place of a stage."""

FinishReason = Literal["completed", "stopped"]


@dataclass(frozen=True, kw_only=True)
class Started:
    """The run starts or resumes."""

    stages: tuple[str, ...]
    """Names of all stages in order: "ancillary", "primary", "primary-2", ..."""
    class_names: tuple[str, ...]
    images: int
    clicks: int
    device: str
    """The device in words, "cpu (1 thread)"."""
    resumed: bool = False


@dataclass(frozen=True, kw_only=True)
class StageStarted:
    """A stage starts, or resumes at `iteration`."""

    stage: str
    iteration: int
    iterations: int


@dataclass(frozen=True, kw_only=True)
class StartLearnt:
    """The start at the probe has learnt from so many images, before any step."""

    part: Literal["features", "masks"]
    """First the features at all clicks, then masks of the clicked images, and of others where
    few are clicked."""
    images: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """Optimiser steps were done; written a few times a second, not for every iteration."""

    stage: str
    iteration: int
    """Optimiser steps done in this stage."""
    iterations: int
    losses: Mapping[str, float]
    """Unweighted loss terms and "total", mean since the last `Step`."""
    lr: float
    iterations_per_second: float
    seconds_left: float
    """Estimate over all stages that are still to come."""
    memory_bytes: int
    """Resident memory of the process, or the device memory in use on CUDA."""


@dataclass(frozen=True, kw_only=True)
class ClicksTaken:
    """Clicks that changed on disk are used from this iteration on."""

    stage: str
    iteration: int
    image_ids: tuple[str, ...]
    added: int
    removed: int


@dataclass(frozen=True, kw_only=True)
class Preview:
    """New label maps of an image lie in the run folder's previews/<image_id>/."""

    stage: str
    iteration: int
    image_id: str
    layers: tuple[str, ...]
    """Which of "student", "teacher", "pseudo_label", "disagreement" were written."""


@dataclass(frozen=True, kw_only=True)
class Validated:
    """A network was scored on images with dense truth."""

    stage: str
    iteration: int
    network: str
    mean_iou: float
    per_class_iou: Mapping[str, float | None]
    """Fraction by class name; None where the class is neither in the truth nor predicted."""
    images: int


@dataclass(frozen=True, kw_only=True)
class SteppedBack:
    """The network was collapsing: it is again what it was, and the CRF's weight is cut."""

    stage: str
    iteration: int
    to_iteration: int
    """The iteration whose networks go on."""
    lost_classes: tuple[int, ...]
    """Classes that had all but gone."""
    crf_share: float
    """Share of the CRF's weight that is left."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A network was compared with the best one so far, at the end of a stage."""

    stage: str
    """A stage, or "probe" for the start of all."""
    network: str
    score: float
    measure: str
    """What the score is, in words."""
    is_best: bool
    """Whether model.pt is this network now."""


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved:
    """Everything that resumes the run at this iteration is on disk."""

    stage: str
    iteration: int


@dataclass(frozen=True, kw_only=True)
class BatchHalved:
    """Memory ran out: crops are now processed in smaller parts; the effective batch stays."""

    stage: str
    iteration: int
    part_size: int


@dataclass(frozen=True, kw_only=True)
class Paused:
    """The run waits until the pause request is withdrawn."""

    stage: str
    iteration: int


@dataclass(frozen=True, kw_only=True)
class Continued:
    """The run continues after a pause."""

    stage: str
    iteration: int


@dataclass(frozen=True, kw_only=True)
class Warned:
    """Something the user should know; the run continues."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The run ended well: all stages done, or stopped on request with everything saved."""

    reason: FinishReason
    stage: str
    iteration: int


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The run ended with an error; `message` is one sentence with a remedy."""

    message: str


Event = (
    Started | StartLearnt | StageStarted | Step | ClicksTaken | Preview | Validated | SteppedBack
    | Judged | CheckpointSaved | BatchHalved | Paused | Continued | Warned | Finished | Failed
)  # fmt: skip

_KINDS: Mapping[str, Any] = {kind.__name__: kind for kind in get_args(Event)}


def to_json_line(event: Event, time: float) -> str:
    """One line for events.jsonl; `time` is seconds since the epoch."""
    head = {"version": EVENTS_VERSION, "time": time, "event": type(event).__name__}
    return json.dumps(head | dataclasses.asdict(event)) + "\n"


def from_json_line(line: str | bytes) -> tuple[Event, float] | None:
    """The event and time of a line of events.jsonl.

    None for a torn line, an unknown kind of event, or values of the wrong type.
    """
    try:
        data: dict[str, Any] = json.loads(line)
        event: Event = coerce(data, _KINDS[data.pop("event")])
        return event, float(data["time"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
