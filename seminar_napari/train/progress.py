"""A run's progress at a glance, gathered from its events; no Qt."""

from __future__ import annotations

from dataclasses import dataclass

from seminar.run.events import (
    PROBE,
    BatchHalved,
    CheckpointSaved,
    ClicksTaken,
    Event,
    Judged,
    StageStarted,
    Started,
    StartLearnt,
    Step,
    SteppedBack,
    Validated,
    Warned,
)
from seminar_napari.session.setting_labels import in_labels, label

SILENT_SECONDS = 10.0


@dataclass
class RunProgress:
    """Where a run stands.

    Attributes
    ----------
    note : str
        The newest remarkable event: new clicks, a warning, which network is best.
    saved : CheckpointSaved or None
        Where a resumed run continues.
    best : str
        The network that is the run's model.
    """

    stages: tuple[str, ...] = ()
    device: str = ""
    stage: str = ""
    iteration: int = 0
    iterations: int = 0
    start: StartLearnt | None = None
    step: Step | None = None
    note: str = ""
    score: Validated | None = None
    saved: CheckpointSaved | None = None
    best: str = ""

    def take(self, event: Event) -> None:
        """Follow one event."""
        match event:
            case Started():
                self.stages, self.device = event.stages, event.device
                self.step = self.start = None
            case StartLearnt():
                self.start = event
            case StageStarted() | Step():
                self.start = None
                self.stage, self.iteration = event.stage, event.iteration
                self.iterations = event.iterations
                self.step = event if isinstance(event, Step) else None
            case Validated():
                self.score = event
            case CheckpointSaved():
                self.saved = event
            case ClicksTaken():
                self.note = taken_text(event)
            case BatchHalved():
                self.note = (
                    f"Memory ran out at iteration {event.iteration}: crops are now computed "
                    f"{event.part_size} at a time, slower and just as good"
                )
            case SteppedBack():
                self.note = (
                    f"Classes were vanishing at iteration {event.iteration}: training went back to "
                    f"iteration {event.to_iteration} and goes on with {event.crf_share:.0%} of the "
                    f"{label('lambda_crf')}"
                )
            case Judged():
                self._judged(event)
            case Warned():
                self.note = in_labels(event.message)
            case _:
                pass

    def _judged(self, event: Judged) -> None:
        name = "the live mask" if event.stage == PROBE else f"{event.network} of {event.stage}"
        score = f"{event.measure}: {event.score:.2f} of 1"
        if event.is_best:
            self.best = name
            self.note = f"Best so far, and the run's model: {name} ({score})"
        else:
            self.note = f"The {name} is no better ({score}): the model stays that of {self.best}"

    @property
    def stage_text(self) -> str:
        """Stage 1 of 2 (ancillary) 143/250; before it, what the start has learnt from."""
        if self.start:
            return f"Start: {self.start.part} of {self.start.images}/{self.start.of} images"
        if not self.stage:
            return ""
        number = self.stages.index(self.stage) + 1 if self.stage in self.stages else 1
        return (
            f"Stage {number} of {max(len(self.stages), 1)} ({self.stage}) "
            f"{self.iteration}/{self.iterations}"
        )

    @property
    def part(self) -> tuple[int, int]:
        """Done and total of what `stage_text` names; a total of 0 where it is not known."""
        if self.start:
            return self.start.images, self.start.of
        return self.iteration, self.iterations

    @property
    def total(self) -> int:
        """Iterations of all stages."""
        return self.iterations * max(len(self.stages), 1)

    @property
    def done(self) -> int:
        """Iterations done in all stages."""
        before = self.stages.index(self.stage) if self.stage in self.stages else 0
        return before * self.iterations + self.iteration

    @property
    def numbers_text(self) -> str:
        """0:41 left · 5.2 it/s · 1.6 GB."""
        if self.step is None:
            return ""
        rate = self.step.iterations_per_second
        speed = f"{rate:.1f} it/s" if rate >= 1 or rate == 0 else f"{1 / rate:.1f} s/it"
        return (
            f"{clock(self.step.seconds_left)} left · {speed} · "
            f"{self.step.memory_bytes / 2**30:.1f} GB"
        )

    @property
    def score_text(self) -> str:
        """Mean IoU 0.86 on 8 images, or nothing."""
        if self.score is None:
            return ""
        return (
            f"mean IoU {self.score.mean_iou:.2f} on {self.score.images} "
            f"image{'s' * (self.score.images != 1)} ({self.score.network})"
        )


def taken_text(event: ClicksTaken) -> str:
    """3 new clicks used since iteration 120."""
    parts = [
        f"{count} {word} click{'s' * (count != 1)}"
        for count, word in ((event.added, "new"), (event.removed, "removed"))
        if count
    ]
    return f"{' and '.join(parts) or 'Changed clicks'} used since iteration {event.iteration}"


def clock(seconds: float) -> str:
    """0:41, 12:05, 3:07:00."""
    if not 0 <= seconds < 1e8:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """In words for an estimate: 40 s, 2 min, 3.5 h, 2 days."""
    if seconds < 55:
        return f"{max(5, round(seconds / 5) * 5)} s"
    if seconds < 90 * 60:
        return f"{max(1, round(seconds / 60))} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.0f} days"
