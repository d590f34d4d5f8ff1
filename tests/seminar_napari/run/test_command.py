"""The copied line gives the very settings of the run."""

from __future__ import annotations

import dataclasses
import functools
import shlex
from pathlib import Path
from typing import Any

import typer.main
from hypothesis import given, settings

from seminar.cli.main import app
from seminar.cli.terminal.setting_options import settings_from
from seminar.config.presets import PresetName
from seminar.config.settings import TrainConfig, preset
from seminar.run.folder import RunFolder
from seminar_napari.run.command import next_run_name, resume_arguments, shell_line, train_arguments
from tests.seminar_napari.train.form.test_config_form import configs


@functools.cache
def command_line() -> Any:
    """The real command line, which takes longer to make than to ask."""
    return typer.main.get_command(app)


def parsed(line: str) -> dict[str, Any]:
    """What the real command line makes of a line."""
    command = command_line()
    words = shlex.split(line)
    assert words[0] == "seminar"
    with command.make_context("seminar", words[1:]) as context:
        name, subcommand, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )  # type: ignore[attr-defined]
        assert name == "train"
        with subcommand.make_context(name, rest, parent=context) as inner:
            return dict(inner.params)


def config_of(line: str) -> TrainConfig:
    given_options = {
        name: value
        for name, value in parsed(line).items()
        if value is not None and name in TrainConfig.__dataclass_fields__
    }
    return settings_from(given_options)


@settings(deadline=None, max_examples=60)
@given(config=configs())
def test_the_line_gives_the_config(config: TrainConfig) -> None:
    assert (
        config_of(shell_line(train_arguments(Path("/some/where/my project"), "run-1", config)))
        == config
    )


def test_a_preset_is_a_short_line_with_what_would_be_fitted_to_the_images() -> None:
    names: tuple[PresetName, ...] = ("quick", "paper")
    lines = [shell_line(train_arguments(Path("/p"), "run-1", preset(name))) for name in names]
    assert lines == [
        "seminar train /p --run run-1 --preset quick --crop-size 192 --rotations",
        "seminar train /p --run run-1 --preset paper",
    ]
    assert [config_of(line) for line in lines] == [preset(name) for name in names]


def test_only_what_differs_is_named() -> None:
    line = shell_line(
        train_arguments(
            Path("/p"),
            "run-1",
            preset("quick").replace(ema_decay=0.999, channels=(0, 2), strong_augmentation=False),
        )
    )
    assert line.endswith("--no-strong-augmentation")
    for option in ("--preset quick", "--channels 0,2", "--ema-decay 0.999"):
        assert option in line
    assert "--batch-size" not in line


def test_project_and_run_are_passed() -> None:
    params = parsed(
        shell_line(train_arguments(Path("/some/where/it's mine"), "run 2", TrainConfig()))
    )
    assert (params["project"], params["run"]) == (Path("/some/where/it's mine"), "run 2")
    params = parsed(shell_line(resume_arguments(RunFolder(Path("/p/runs/run-7")))))
    assert (params["project"], params["run"], params["resume"]) == (Path("/p"), "run-7", True)
    assert not [
        name
        for name in params
        if name in TrainConfig.__dataclass_fields__ and params[name] is not None
    ], "a resumed run keeps its settings"


def test_run_names_count_on() -> None:
    assert next_run_name(()) == "run-1"
    assert next_run_name(("run-9", "mine", "run-10", "run-x")) == "run-11"


def test_every_setting_can_be_an_option() -> None:
    names = parsed("seminar train /p")
    assert {field.name for field in dataclasses.fields(TrainConfig)} <= set(names)


def test_numbers_are_written_to_their_last_digit() -> None:
    config = preset("quick").replace(base_lr=0.000123456789, sigma_rgb=12.3456789)
    line = shell_line(train_arguments(Path("/p"), "run-1", config))
    assert "--base-lr 0.000123456789" in line and "--sigma-rgb 12.3456789" in line
