"""`seminar train`: every setting an option, progress in the terminal, events in the run folder."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import signal
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from seminar.cli.app import app
from seminar.config.settings import TrainConfig, preset
from seminar.config.toml_file import load_config
from seminar.errors import ConfigError, SeminarError
from seminar.run.folder import RunFolder

if typing.TYPE_CHECKING:
    from seminar.run.events import Event


def train(
    project: Annotated[Path, typer.Argument(help="Project folder")],
    run: Annotated[
        str, typer.Option("--run", help="Name of the run; its folder is PROJECT/runs/NAME")
    ] = "run",
    config: Annotated[
        Path | None, typer.Option("--config", help="Start from the config.toml of another run")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run's newest checkpoint")
    ] = False,
    **options: Any,
) -> None:
    """Train on the clicks of PROJECT: both stages, resumable, stopped by Ctrl+C (once: save and
    stop).
    """
    from seminar.project.project import Project
    from seminar.training.trainer import record
    from seminar.training.trainer import train as start

    opened = Project.open(project)
    folder = RunFolder.of(opened.path, run)
    given = {name: value for name, value in options.items() if value is not None}
    if resume:
        if not folder.config_path.exists():
            raise SeminarError(
                f"{folder.path}: nothing to resume, this run was never started; leave --resume away"
            )
        if given or config:
            raise ConfigError(
                "--resume goes on with the settings the run was started with; leave the other"
                " options away"
            )
        settings = folder.read_config()
    else:
        if folder.config_path.exists():
            raise SeminarError(
                f"{folder.path}: this run exists; add --resume to go on with it, or choose another"
                " --run name"
            )
        if config and "preset" in given:
            raise ConfigError(
                "--config and --preset both say where the settings start from; give one of them,"
                " and single settings beside it"
            )
        settings = settings_from(given, load_config(config) if config else None)
    show(
        _stopping_on_interrupt(
            folder, record(folder, start(opened, folder, settings, resume=resume))
        )
    )


def settings_from(given: dict[str, Any], base: TrainConfig | None = None) -> TrainConfig:
    """Settings from command-line options over `base`, or over the preset that they name."""
    base = base or preset(given.pop("preset", "balanced"))
    hints = typing.get_type_hints(TrainConfig)
    return base.replace(
        **{name: _parsed(name, value, hints[name]) for name, value in given.items()}
    )


def show(stream: Iterator[Event]) -> None:
    """Print a run's events: a live line with stage, iteration, losses, speed and time left, the
    rest above it.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    from seminar.run import events

    output = typing.cast("typing.TextIO", _Output(sys.stdout))
    console = Console(file=output, highlight=False, soft_wrap=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    stages: tuple[str, ...] = ()
    with Progress(*columns, console=console, transient=not console.is_terminal) as progress:
        bar: TaskID | None = None
        for event in stream:
            match event:
                case events.Started():
                    stages = event.stages
                    progress.print(
                        f"{event.images} images, {event.clicks} clicks, on {event.device}"
                    )
                case events.StageStarted():
                    title = (
                        f"Stage {stages.index(event.stage) + 1} of {len(stages)} ({event.stage})"
                    )
                    bar = progress.add_task(
                        title, total=event.iterations, completed=event.iteration, detail=""
                    )
                    if not console.is_terminal:
                        progress.print(title)
                case events.Step() if bar is not None:
                    terms = " ".join(f"{name} {value:.3g}" for name, value in event.losses.items())
                    minutes, seconds = divmod(round(event.seconds_left), 60)
                    detail = (
                        f"{terms} · {event.iterations_per_second:.1f} it/s ·"
                        f" {minutes}:{seconds:02d} left"
                    )
                    progress.update(bar, completed=event.iteration, detail=detail)
                    if not console.is_terminal and event.iteration == event.iterations:
                        progress.print(
                            f"  {event.iteration} iterations: {terms},"
                            f" {event.iterations_per_second:.2f} it/s"
                        )
                case events.Validated():
                    progress.print(
                        f"  iteration {event.iteration}: {event.network} mean IoU"
                        f" {event.mean_iou:.1%} on {event.images} images"
                    )
                case events.ClicksTaken():
                    progress.print(
                        f"  {event.added} new clicks taken up at iteration {event.iteration}"
                        f" ({event.removed} removed)"
                    )
                case events.BatchHalved():
                    progress.print(
                        f"  memory ran out: batches now go through in parts of {event.part_size}"
                    )
                case events.Paused():
                    progress.print(f"  paused at iteration {event.iteration}")
                case events.Continued():
                    progress.print("  going on")
                case events.Warned():
                    progress.print(f"  note: {event.message}")
                case events.Finished():
                    progress.print(
                        f"{event.reason} at iteration {event.iteration} of stage {event.stage}"
                    )
                case _:
                    pass


class _Output:
    """A stream on which nothing fails: a log on a full disk or a closed pipe must not end a run."""

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


def _stopping_on_interrupt(run: RunFolder, stream: Iterator[Event]) -> Iterator[Event]:
    """Turn the first Ctrl+C or SIGTERM into a stop request, so that the run saves; the second one
    interrupts.

    Until the run's first event its folder may not be there, and old requests are cleared: the
    request is made once more then.
    """
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        asked = True
        if run.path.is_dir():
            run.request_stop()
        for name, handler in old.items():
            signal.signal(name, handler)

    old: dict[signal.Signals, Any] = {
        name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        for event in stream:
            if asked and not run.stop_requested():
                run.request_stop()
            yield event
    finally:
        for name, handler in old.items():
            signal.signal(name, handler)


def _parsed(name: str, value: Any, hint: Any) -> Any:
    """Comma-separated text as the tuple that a setting takes."""
    if typing.get_origin(hint) is not tuple:
        return value
    kind = typing.get_args(hint)[0]
    words = [word.strip() for word in value.split(",") if word.strip()]
    if typing.get_origin(kind) is Literal:
        return tuple(words)
    try:
        return tuple(kind(word) for word in words)
    except ValueError:
        raise ConfigError(
            f"--{name.replace('_', '-')}: expected numbers with commas between them, got '{value}'"
        ) from None


def _with_settings(function: types.FunctionType) -> types.FunctionType:
    """Give `function` one optional keyword a setting in place of its **options, so that typer
    makes an option of each.
    """
    hints = typing.get_type_hints(TrainConfig)
    signature = inspect.signature(function, eval_str=True)
    parameters = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    for field in dataclasses.fields(TrainConfig):
        hint = hints[field.name]
        kind = hint if hint in (int, float, bool) else str
        unit = f" [{field.metadata['unit']}]" if field.metadata["unit"] else ""
        choices = (
            f": {', '.join(typing.get_args(hint))}" if typing.get_origin(hint) is Literal else ""
        )
        option = "--" + field.name.replace("_", "-")
        flag = f"{option}/--no-{option[2:]}" if hint is bool else option
        told = typer.Option(flag, help=field.metadata["help"] + choices + unit)
        annotation = Annotated[kind | None, told]  # type: ignore[valid-type]
        parameters.append(
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
            )
        )
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function


app.command()(_with_settings(train))  # type: ignore[arg-type]
