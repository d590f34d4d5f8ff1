"""`seminar train`: every setting is an option; events go to the terminal and the run folder."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seminar.cli.terminal.arguments import ProjectArgument
from seminar.cli.terminal.run_progress import show
from seminar.cli.terminal.setting_options import (
    in_words,
    option_name,
    settings_from,
    with_settings,
)
from seminar.config.toml_file import load_config
from seminar.errors import ConfigError, SeminarError
from seminar.run.folder import PROBE_RUN, RunFolder

if TYPE_CHECKING:
    from seminar.config.settings import TrainConfig
    from seminar.project.project import Project
    from seminar.run.events import Event


@with_settings
def train(
    project: ProjectArgument,
    run: Annotated[
        str, typer.Option("--run", help="Name of the run; its folder is PROJECT/runs/NAME")
    ] = "run",
    config: Annotated[
        Path | None, typer.Option("--config", help="Start from the config.toml of another run")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the run's newest checkpoint")
    ] = False,
    **options: Any,
) -> None:
    """Train on the clicks of PROJECT, in both stages.

    The first Ctrl+C saves and stops; the same command with --resume continues.
    """
    from seminar.project.project import Project

    opened = Project.open(project)
    folder = RunFolder.of(opened.path, run)
    given = {name: value for name, value in options.items() if value is not None}
    if resume:
        settings = resumed_settings(folder, given, config)
    else:
        settings = new_settings(folder, given, config)
        if config is None:
            settings = fitted_settings(opened, settings, given)
    # imported when nothing is refused any more: they take seconds
    from seminar.training.recording import record
    from seminar.training.trainer import train as start

    events = record(folder, start(opened, folder, settings, resume=resume))
    show(stopping_on_interrupt(folder, events))


def resumed_settings(folder: RunFolder, given: dict[str, Any], config: Path | None) -> TrainConfig:
    """The settings of a run that goes on; options may repeat them and not change them."""
    if not folder.config_path.exists():
        raise SeminarError(
            f"{folder.path}: nothing to resume, this run was never started; leave --resume out"
        )
    settings = folder.read_config()
    wanted = settings_from(given, load_config(config) if config else settings)
    differing = [
        f"{option_name(field.name)} is {in_words(before)}, not {in_words(after)}"
        for field in dataclasses.fields(wanted)
        if (before := getattr(settings, field.name)) != (after := getattr(wanted, field.name))
    ]
    if differing:
        raise ConfigError(
            f"--resume goes on with the settings of run {folder.path.name}, where "
            f"{'; '.join(differing)}; leave out what differs, or start another --run"
        )
    return settings


def new_settings(folder: RunFolder, given: dict[str, Any], config: Path | None) -> TrainConfig:
    """The settings of a new run."""
    if folder.path.name == PROBE_RUN:
        raise SeminarError(
            f"--run {PROBE_RUN}: this name is the live mask's (`seminar probe`); choose another"
        )
    if folder.config_path.exists():
        raise SeminarError(
            f"{folder.path}: this run exists; add --resume to continue it, or choose another --run "
            "name"
        )
    if config and "preset" in given:
        raise ConfigError(
            "--config and --preset both say where the settings start from; give one of them, and "
            "single settings with it"
        )
    return settings_from(given, load_config(config) if config else None)


def fitted_settings(project: Project, settings: TrainConfig, given: Collection[str]) -> TrainConfig:
    """The settings as they suit the images, but for those that were given; told in one line."""
    from seminar.config.fit import fitted, told
    from seminar.project.scene import scene_of_project
    from seminar.runtime.distributed import is_first_process

    scene = scene_of_project(project, settings.split, settings.limit)
    chosen = fitted(settings, scene, keep=given)
    line = told(settings, chosen, scene)
    if line and is_first_process():
        print(line)
    return chosen


def stopping_on_interrupt(run: RunFolder, stream: Iterator[Event]) -> Iterator[Event]:
    """Turn the first Ctrl+C or SIGTERM into a stop request; the second one interrupts.

    Before the run's first event its folder may not exist, and old requests are still cleared: the
    request is then repeated.
    """
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        asked = True
        if run.path.is_dir():
            run.request_stop()
        restore()

    def restore() -> None:
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
        restore()
