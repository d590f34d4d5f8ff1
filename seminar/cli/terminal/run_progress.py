"""The events of a run in the terminal."""

from __future__ import annotations

import contextlib
import sys
import typing
from collections.abc import Iterator
from typing import Any

from seminar.run import events

if typing.TYPE_CHECKING:
    from seminar.run.events import Event


def show(stream: Iterator[Event]) -> None:
    """Print a run's events: one live line for the stage at hand, the rest above it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    output = typing.cast("typing.TextIO", _Output(sys.stdout))
    console = Console(file=output, highlight=False, markup=False, soft_wrap=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    stages: tuple[str, ...] = ()
    bar: TaskID | None = None
    with Progress(*columns, console=console, transient=not console.is_terminal) as progress:
        for event in stream:
            text = _text(event)
            match event:
                case events.Started():
                    stages = event.stages
                case events.StartLearnt():
                    text = f"Start: {event.part} of images"
                    if event.images == 0:
                        bar = progress.add_task(text, total=event.of, detail="")
                    if bar is not None:
                        progress.update(bar, completed=event.images)
                    text = "" if event.images or console.is_terminal else text
                case events.StageStarted():
                    number = stages.index(event.stage) + 1
                    text = f"Stage {number} of {len(stages)} ({event.stage})"
                    bar = progress.add_task(
                        text, total=event.iterations, completed=event.iteration, detail=""
                    )
                    text = "" if console.is_terminal else text
                case events.Step() if bar is not None:
                    progress.update(bar, completed=event.iteration, detail=_speed(event))
                    if not console.is_terminal and event.iteration == event.iterations:
                        text = (
                            f"  {event.iteration} iterations: {_losses(event)}, "
                            f"{event.iterations_per_second:.2f} it/s"
                        )
            if text:
                progress.print(text)


def _text(event: Event) -> str:
    """The line that an event prints whatever the output is; empty where there is none."""
    match event:
        case events.Started():
            return f"{event.images} images, {event.clicks} clicks, on {event.device}"
        case events.Validated():
            score = f"{event.network} mean IoU {event.mean_iou:.1%}"
            return f"  iteration {event.iteration}: {score} on {event.images} images"
        case events.SteppedBack():
            return (
                f"  iteration {event.iteration}: classes were vanishing, so it went back to "
                f"iteration {event.to_iteration}, with {event.crf_share:.0%} of the CRF's weight"
            )
        case events.Judged():
            verdict = "the best so far, model.pt" if event.is_best else "not the best, dropped"
            score = f"{event.measure} {event.score:.3f}"
            return f"  {event.stage}, {event.network}: {score}, {verdict}"
        case events.ClicksTaken():
            changes = f"{event.added} new clicks, {event.removed} removed"
            return f"  {changes}, used from iteration {event.iteration}"
        case events.BatchHalved():
            return f"  memory ran out: batches are now processed in parts of {event.part_size}"
        case events.Paused():
            return f"  paused at iteration {event.iteration}"
        case events.Continued():
            return "  continued"
        case events.Warned():
            return f"  note: {event.message}"
        case events.Finished():
            return f"{event.reason} at iteration {event.iteration} of stage {event.stage}"
        case _:
            return ""


def _losses(step: events.Step) -> str:
    return " ".join(f"{name} {value:.3g}" for name, value in step.losses.items())


def _speed(step: events.Step) -> str:
    minutes, seconds = divmod(round(step.seconds_left), 60)
    speed = f"{step.iterations_per_second:.1f} it/s"
    return f"{_losses(step)} · {speed} · {minutes}:{seconds:02d} left"


class _Output:
    """A stream that never fails: a log on a full disk or a closed pipe must not end a run."""

    def __init__(self, stream: typing.TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
