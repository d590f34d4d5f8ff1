"""`seminar train`: options make the settings they name, and a command line repeats a run."""

from __future__ import annotations

import dataclasses
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import seminar
from typer.testing import CliRunner

from seminar.cli.main import app, main
from seminar.cli.train import fitted_settings, resumed_settings, stopping_on_interrupt
from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig, preset
from seminar.project.project import Project
from seminar.run.events import CheckpointSaved, Event
from seminar.run.folder import RunFolder

FAST = [
    "--backbone",
    "none",
    "--crop-size",
    "64",
    "--batch-size",
    "2",
    "--iterations",
    "3",
    "--validations",
    "0",
    "--device",
    "cpu",
    "--crf-landmarks",
    "128",
]


def test_every_setting_is_an_option_with_its_help() -> None:
    text = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "400"}).output
    for field in dataclasses.fields(TrainConfig):
        assert f"--{field.name.replace('_', '-')}" in text


def test_settings_that_were_not_given_fit_the_images(
    tiny_project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    image_id, *others = tiny_project.image_ids()
    rows, size = np.arange(0.0, 48), tiny_project.image_size(image_id)
    heights = np.repeat(np.stack([rows, rows], axis=1), 3, axis=0)
    layers = ClickSet(*size, heights, np.repeat(np.arange(48) // 24, 3))
    for each in (image_id, *others):
        tiny_project.write_clicks(each, layers)
    start = preset("balanced")
    chosen = fitted_settings(tiny_project, start, given=())
    assert chosen == start.replace(rotations=False)
    assert "no rotations" in capsys.readouterr().out
    assert fitted_settings(tiny_project, start, given=("rotations",)) == start
    assert capsys.readouterr().out == ""


def test_a_run_from_the_command_line_and_its_resume(tiny_project: Project) -> None:
    done = seminar("train", str(tiny_project.path), "--run", "one", *FAST)
    assert done.returncode == 0, done.stderr
    assert "Start: masks of images" in done.stdout
    assert "Stage 2 of 2 (primary)" in done.stdout
    assert "completed at iteration 3 of stage primary" in done.stdout
    run = RunFolder.of(tiny_project.path, "one")
    assert run.model_path.exists()
    assert run.read_config().crop_size == 64
    again = seminar("train", str(tiny_project.path), "--run", "one", *FAST)
    assert again.returncode == 2
    assert "--resume" in again.stderr
    resumed = seminar("train", str(tiny_project.path), "--run", "one", *FAST, "--resume")
    assert resumed.returncode == 0, resumed.stderr


def test_a_resume_with_other_options_says_which(
    tiny_project: Project,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = RunFolder.of(tiny_project.path, "one")
    run.path.mkdir(parents=True)
    settings = TrainConfig(crop_size=64, channels=(0, 2), backbone="none")
    run.config_path.write_text(settings.to_toml())

    def answer(*words: str) -> str:
        command = ["seminar", "train", str(tiny_project.path), "--run", "one", "--resume", *words]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 2
        return capsys.readouterr().err

    assert answer(
        "--crop-size",
        "96",
        "--channels",
        "0",
        "--no-rotations",
        "--preset",
        "quick",
        "--backbone",
        "none",
    ) == (
        "seminar: --resume goes on with the settings of run one, where --preset is balanced, not "
        "quick; --channels is 0,2, not 0; --crop-size is 64, not 96; --rotations is on, not off; "
        "leave out what differs, or start another --run\n"
    )
    (tmp_path / "c.toml").write_text(settings.replace(seed=7).to_toml())
    assert "where --seed is 0, not 7; leave" in answer("--config", str(tmp_path / "c.toml"))


def test_a_resume_with_the_options_of_the_run_takes_them(tiny_project: Project) -> None:
    run = RunFolder.of(tiny_project.path, "one")
    run.path.mkdir(parents=True)
    settings = TrainConfig(crop_size=64, channels=(0, 2), preset="quick", rotations=False)
    run.config_path.write_text(settings.to_toml())
    given = {"crop_size": 64, "channels": "0,2", "preset": "quick", "rotations": False}
    assert resumed_settings(run, given, None) == settings
    assert resumed_settings(run, {}, run.config_path) == settings


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--losses", "pce,crff"], "did you mean crf?"),
        (["--losses", "crf"], "pce is always needed"),
        (["--ema-decay", "1.5"], "ema_decay: expected 0 to"),
        (["--scale-range", "a,b"], "expected numbers with commas"),
        (["--device", "tpu"], "choose auto, cpu"),
        (["--run", "../evil"], "without slashes"),
        (["--resume"], "never started"),
        (["--backbone", "mobilenet_v2", "--weights", "nowhere.pth"], "no such file"),
        (["--pseudo-labels", "nowhere"], "found none"),
        (["--channels", "5"], "channel"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_status_2(
    tiny_project: Project,
    words: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_option = [] if "--run" in words else ["--run", "bad"]
    options = [] if "--resume" in words else FAST
    monkeypatch.setattr(
        sys, "argv", ["seminar", "train", str(tiny_project.path), *run_option, *options, *words]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert sentence in message
    assert "Traceback" not in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("resume", [False, True])
def test_an_interrupt_before_the_first_event_is_not_forgotten(
    tiny_project: Project, resume: bool
) -> None:
    run = RunFolder.of(tiny_project.path, "early")
    if resume:
        run.path.mkdir(parents=True)

    def stream() -> Iterator[Event]:
        signal.raise_signal(signal.SIGTERM)  # while the project is looked through
        run.path.mkdir(parents=True, exist_ok=True)
        run.clear_requests()
        for iteration in range(3):
            yield CheckpointSaved(stage="ancillary", iteration=iteration)
            if run.stop_requested():
                return

    assert len(list(stopping_on_interrupt(run, stream()))) == 1


def test_a_config_and_a_preset_do_not_go_together(
    tiny_project: Project,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "c.toml").write_text(TrainConfig().to_toml())
    words = [
        "train",
        str(tiny_project.path),
        "--config",
        str(tmp_path / "c.toml"),
        "--preset",
        "paper",
    ]
    monkeypatch.setattr(sys, "argv", ["seminar", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "--preset" in capsys.readouterr().err


def test_the_live_masks_folder_is_not_trained_in(tiny_project: Project) -> None:
    done = seminar("train", str(tiny_project.path), "--run", "probe", *FAST)
    assert done.returncode == 2
    assert "--run probe: this name is the live mask's" in done.stderr
