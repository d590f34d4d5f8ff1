"""The tab *Train*, and that nothing in the window's process imports torch."""

from __future__ import annotations

import dataclasses
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig, preset
from seminar.project.project import Project
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.runtime.device_facts import Device
from seminar_napari.run.command import shell_line, train_arguments
from seminar_napari.session.session import Session
from seminar_napari.train.devices import DeviceProbe
from seminar_napari.train.progress import RunProgress
from seminar_napari.train.speed import Pace, SpeedBook
from seminar_napari.train.tab import TrainTab


@pytest.fixture
def tab(
    three_fields: Project, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TrainTab]:
    monkeypatch.setattr(DeviceProbe, "ask", lambda self: None)
    monkeypatch.setattr(
        DeviceProbe, "_answer", (Device("cuda:0", "GPU", problem="no driver"), Device("cpu", "CPU"))
    )
    session = Session()
    session.open_project(three_fields.path)
    made = TrainTab(
        session, SimpleNamespace(theme="dark"), speeds=SpeedBook(tmp_path / "speed.json")
    )
    qtbot.addWidget(made)
    made.resize(360, 700)
    made.show()
    yield made
    made.shut_down()


def test_clicks_that_lie_in_layers_turn_rotations_off_and_a_line_says_so(
    tab: TrainTab, three_fields: Project, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: not tab.fitting._soon.isActive())
    assert tab.form.value("rotations")
    for image_id in three_fields.image_ids():
        height, width = three_fields.image_size(image_id)
        rows = np.linspace(0, height - 1, 40)
        layers = ClickSet(height, width, np.stack([rows, rows * 0], 1), np.arange(40) // 20)
        three_fields.write_clicks(image_id, layers)
    tab.fitting.look_soon()
    qtbot.waitUntil(lambda: not tab.form.value("rotations"))
    assert "no rotations" in tab.fitting.text()
    assert "--" not in tab.fitting.text()
    assert "--no-rotations" in tab.command_line()


def test_it_fits_into_the_dock(tab: TrainTab) -> None:
    content = tab.form.parentWidget()
    assert content is not None
    tab.form.fold.expand(animate=False)
    assert content.minimumSizeHint().width() <= 400
    assert tab.minimumSizeHint().width() <= 320


def test_what_training_would_miss_is_said_before_it_starts(
    tab: TrainTab, three_fields: Project, qtbot: QtBot
) -> None:
    session = tab._session
    qtbot.waitUntil(lambda: "no clicks of class 2 'fibre'" in tab.warnings.text(), timeout=60_000)
    assert "2 of 3 images have no clicks" in tab.warnings.text() and tab.warnings.isVisible()
    session.set_clicks("a", session.clicks("b"))
    qtbot.waitUntil(lambda: "No image has clicks yet" in tab.warnings.text(), timeout=60_000)
    for state in ("running", "finished"):
        session.set_run(RunFolder.of(three_fields.path, "first"))
        session.set_state(state)  # type: ignore[arg-type]
        qtbot.waitUntil(
            lambda seen=state == "finished": tab.warnings.isVisible() == seen, timeout=60_000
        )


def test_the_split_of_the_form_decides_what_is_held_out(
    tab: TrainTab, three_fields: Project
) -> None:
    splits = three_fields.path / "ImageSets" / "Segmentation"
    splits.mkdir(parents=True)
    (splits / "few.txt").write_text("b\n")
    tab.form._fields["split"].widget.value = "few"
    assert tab._session.image_states.held_out == {"a", "c"}


def test_channels_are_those_of_the_project_that_is_open(
    tab: TrainTab, three_fields: Project
) -> None:
    tab.use_channels([0])
    assert tab.form.value("channels") == tab._session.channels == (0,)
    run = RunFolder.of(three_fields.path, "run-1")
    run.path.mkdir(parents=True)
    run.write_config(TrainConfig(channels=(1,)))
    tab._session.close_project()
    assert tab.form.value("channels") == tab._session.channels == ()
    tab._session.open_project(three_fields.path)
    assert tab.form.value("channels") == tab._session.channels == (1,), "of the last run"


def test_costs_are_honest(tab: TrainTab, tmp_path: Path) -> None:
    native = tab.form._fields["preset"].widget.native
    assert [native.itemText(row) for row in range(3)] == [
        f"{name}: time unknown" for name in ("Quick", "Balanced", "Paper")
    ]
    tab.costs._speeds.remember(Pace.of(preset("quick"), "cpu (1 thread)", 2.0))
    tab.costs.show()
    texts = [native.itemText(row) for row in range(3)]
    assert texts[0] == "Quick: about 30 s", "30 iterations in each of two stages at 2 it/s"
    assert texts[1].startswith(("Balanced: roughly ", "Balanced: about ")) and texts[2].startswith(
        "Paper: roughly "
    )


def test_costs_are_of_the_device_that_is_chosen(tab: TrainTab) -> None:
    tab.form.show_devices([Device("cuda:0", "GPU"), Device("cpu", "CPU")])
    tab.costs._speeds.remember(Pace.of(preset("quick"), "cuda:0 (GPU)", 2.0))
    native = tab.form._fields["preset"].widget.native
    tab.form._fields["device"].widget.value = "cuda:0"
    tab.costs.show()
    assert native.itemText(0) == "Quick: about 30 s"
    tab.form._fields["device"].widget.value = "cpu"
    tab.costs.show()
    assert native.itemText(0) == "Quick: time unknown"


def test_a_run_of_a_few_iterations_says_nothing_of_the_speed(
    tab: TrainTab, three_fields: Project
) -> None:
    run = RunFolder.of(three_fields.path, "run-1")
    run.path.mkdir(parents=True)
    run.write_config(preset("quick"))
    progress = RunProgress(device="cpu")
    for iteration in (9, 10):
        assert tab.costs._speeds.estimate(preset("quick"), "cpu") is None
        progress.take(dataclasses.replace(STEP, iteration=iteration))
        tab.costs.learn(run, progress)
    assert tab.costs._speeds.estimate(preset("quick"), "cpu") is not None


def test_copy_gives_the_next_run_then_the_followed_one(
    tab: TrainTab, three_fields: Project
) -> None:
    config = TrainConfig(ema_decay=0.999, iterations=7)
    tab.form.write(config)
    tab.copy_command()
    expected = shell_line(train_arguments(three_fields.path, "run-1", config))
    clipboard = QApplication.clipboard()
    assert clipboard is not None and clipboard.text() == expected == tab.command_line()
    run = RunFolder.of(three_fields.path, "run-1")
    run.path.mkdir(parents=True)
    run.write_config(preset("quick"))
    assert "--run run-2" in tab.command_line()
    tab._session.set_run(run)
    assert tab.command_line() == shell_line(
        train_arguments(three_fields.path, "run-1", preset("quick"))
    )


def test_settings_that_contradict_each_other_are_said_and_nothing_starts(tab: TrainTab) -> None:
    tab.form._fields["losses"].write(("crf",))
    tab.train.click()
    assert "pce is always needed" in tab.hint.text()
    assert tab._session.state == "none"


def follow(
    tab: TrainTab, project: Project, *received: events.Event, state: Any = "running"
) -> None:
    run = RunFolder.of(project.path, "run-1")
    tab._session.set_run(run)
    tab._session.set_state("starting")
    for event in received:
        tab._session.receive(event, 0.0)
    tab._session.set_state(state)


STARTED = events.Started(
    stages=("ancillary", "primary"),
    class_names=("a", "b"),
    images=1,
    clicks=2,
    device="cpu (1 thread)",
)
STEP = events.Step(
    stage="primary",
    iteration=143,
    iterations=250,
    losses={"pce": 0.5, "total": 1.0},
    lr=1e-3,
    iterations_per_second=5.2,
    seconds_left=41.0,
    memory_bytes=1717986918,
)


def test_the_line_says_stage_iteration_eta_speed_and_memory(
    tab: TrainTab, three_fields: Project
) -> None:
    follow(tab, three_fields, STARTED, STEP)
    assert tab.panel.headline.text() == "Stage 2 of 2 (primary) 143/250"
    assert tab.panel.numbers.text() == "0:41 left · 5.2 it/s · 1.6 GB"
    assert (tab.panel.bar.maximum(), tab.panel.bar.value()) == (250, 143)
    assert not tab.form.isEnabled() and not tab.train.isVisible()
    assert not tab.form.isVisible(), "the settings make room for the run"
    tab.shown_settings.click()
    assert tab.form.isVisible() and not tab.form.isEnabled()
    assert tab.panel.parentWidget() is tab, "it does not scroll away"
    tab.control.silent_seconds = 43.0
    tab._draw()
    assert tab.panel.numbers.text().endswith("no news for 45 s")


@pytest.fixture
def silent_run(three_fields: Project) -> Iterator[RunFolder]:
    """A run of another process of this machine, which said something eight seconds ago."""
    run = RunFolder.of(three_fields.path, "run-1")
    run.path.mkdir(parents=True)
    lines = [events.to_json_line(event, time.time() - 8) for event in (STARTED, STEP)]
    run.events_path.write_text("".join(lines))
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    start = psutil.Process(process.pid).create_time()
    run.process_path.write_text(
        json.dumps({"pid": process.pid, "host": socket.gethostname(), "start": start})
    )
    yield run
    process.kill()
    process.wait()


def test_silence_is_said_although_nothing_comes(
    tab: TrainTab, silent_run: RunFolder, qtbot: QtBot
) -> None:
    tab.attach_to(silent_run.path)
    qtbot.waitUntil(lambda: "5.2 it/s" in tab.panel.numbers.text(), timeout=60_000)
    qtbot.waitUntil(lambda: tab.panel.numbers.text().endswith("no news for 10 s"), timeout=60_000)
    qtbot.waitUntil(lambda: tab.panel.numbers.text().endswith("no news for 15 s"), timeout=60_000)


def test_a_disk_that_is_away_is_said_until_it_is_back(
    tab: TrainTab, silent_run: RunFolder, qtbot: QtBot
) -> None:
    tab.attach_to(silent_run.path)
    qtbot.waitUntil(lambda: tab._session.state == "running", timeout=60_000)
    aside = silent_run.path / "aside"
    silent_run.events_path.rename(aside)
    silent_run.events_path.mkdir()
    qtbot.waitUntil(lambda: "events.jsonl: " in tab.hint.text(), timeout=60_000)
    silent_run.events_path.rmdir()
    aside.rename(silent_run.events_path)
    qtbot.waitUntil(lambda: not tab.hint.isVisible(), timeout=60_000)
    tab.panel.stop.click()
    qtbot.waitUntil(silent_run.stop_requested, timeout=60_000)


def buttons(tab: TrainTab) -> set[str]:
    panel = tab.panel
    every = (
        tab.train,
        tab.resume_last,
        tab.attach,
        tab.copy,
        panel.pause,
        panel.stop,
        panel.detach,
        panel.resume,
        panel.log,
        panel.inspect,
        panel.export,
    )
    return {button.text() for button in every if button.isVisible()}


def test_each_state_offers_what_can_be_done(tab: TrainTab, three_fields: Project) -> None:
    start = {"Train", "Resume last", "Attach…", "Copy command"}
    assert buttons(tab) == start
    saved = events.CheckpointSaved(stage="primary", iteration=120)
    follow(tab, three_fields, STARTED, STEP, saved)
    assert buttons(tab) == {"Copy command", "Pause", "Stop and save", "Detach"}
    tab._session.set_state("paused")
    assert "Continue" in buttons(tab) and tab.panel.headline.text().startswith("Paused")
    tab._session.set_state("stopping")
    assert buttons(tab) == {"Copy command", "Stopping…"}
    tab._session.set_state("stopped")
    assert buttons(tab) == start | {"Resume from iteration 120", "Export"}
    tab._session.set_state("failed")
    assert buttons(tab) == start | {"Resume from iteration 120", "Open log"}
    tab._session.set_state("lost")
    assert buttons(tab) == start | {"Resume from iteration 120", "Open log"}
    tab._session.set_state("finished")
    assert buttons(tab) == start | {"Inspect", "Export"}


def test_new_clicks_are_reported_and_marked(tab: TrainTab, three_fields: Project) -> None:
    taken = events.ClicksTaken(stage="primary", iteration=120, image_ids=("a",), added=3, removed=0)
    follow(tab, three_fields, STARTED, STEP, taken, STEP)
    assert tab.panel.note.text() == "3 new clicks used since iteration 120"
    assert tab.curves.history.clicks == {(1, 120): 3}


def test_a_finished_run_teaches_the_machines_speed(tab: TrainTab, three_fields: Project) -> None:
    run = RunFolder.of(three_fields.path, "run-1")
    run.path.mkdir(parents=True)
    run.write_config(preset("quick"))
    tab.control._supervisor = SimpleNamespace(owns_process=True, folder=run, leave=lambda: None)  # type: ignore[assignment]
    follow(tab, three_fields, STARTED, STEP, state="finished")
    assert tab.costs._speeds.estimate(preset("quick"), "cpu") is not None
    tab.control._supervisor = None


def test_the_person_is_led_on(tab: TrainTab, three_fields: Project, qtbot: QtBot) -> None:
    follow(tab, three_fields, STARTED, STEP, state="finished")
    with qtbot.waitSignal(tab.tab_wanted) as wanted:
        tab.panel.export.click()
    assert wanted.args == ["export"]


def test_a_destroyed_tab_hears_nothing_more(
    three_fields: Project, qtbot: QtBot, tmp_path: Path
) -> None:
    session = Session()
    made = TrainTab(
        session, SimpleNamespace(theme="light"), speeds=SpeedBook(tmp_path / "speed.json")
    )
    with qtbot.waitSignal(made.destroyed):
        made.deleteLater()
    session.open_project(three_fields.path)
    session.set_state("running")
    assert len(session.state_changed) == 0
