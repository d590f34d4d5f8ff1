"""Training in the real window: the real trainer in its own process, on images that are small, so
that previews are drawn often.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from napari.settings import get_settings
from napari.utils.notifications import notification_manager
from napari.utils.progress import progress
from qtpy.QtWidgets import QApplication
from window_hands import Hands, make_project, settle, wait_until

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.io.label_png import read_label_png
from seminar.project.project import Project
from seminar.run.events import ClicksTaken, Event, Finished, Preview, StageStarted, Started, Step
from seminar.run.folder import RunFolder
from seminar_napari.run.trainer_process import trainer_process
from seminar_napari.train.speed import SpeedBook

pytestmark = pytest.mark.slow

SIDE = 64

SMALL = TrainConfig(
    preset="quick",
    iterations=5000,
    crop_size=64,
    batch_size=2,
    backbone="none",
    device="cpu",
    losses=("pce", "pcons"),
    validations=0,
    crf_landmarks=16,
)
"""Longer than any test waits; no weights to download."""

START_SECONDS = 400.0
"""Importing torch and the first step, on a busy machine."""


@pytest.fixture(autouse=True)
def speeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The paces of this machine are remembered elsewhere during a test."""
    monkeypatch.setattr(
        "seminar_napari.train.tab.SpeedBook", lambda: SpeedBook(tmp_path / "speed.json")
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three images with two clicks of each class."""
    made = make_project(tmp_path, sizes=((SIDE, SIDE),) * 3)
    places = np.random.default_rng(0).uniform(0, SIDE - 1, (3, 6, 2))
    for image_id, points in zip(made.image_ids(), places, strict=True):
        made.write_clicks(image_id, ClickSet(SIDE, SIDE, points, np.array([0, 1, 2] * 2)))
    return made


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """No trainer outlives a test, no child is a zombie."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    _, alive = psutil.wait_procs(left, timeout=10)
    for child in alive:
        child.kill()
    assert not alive, [child.cmdline() for child in alive]


class Watcher:
    """All events that a dock's session passes on."""

    def __init__(self, dock: Any) -> None:
        self.events: list[Event] = []
        dock.session.event_received.connect(self.take)

    def take(self, event: Event, when: float) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def opened(open_window: Callable[[], Any], project: Project) -> tuple[Any, Watcher]:
    dock = open_window()
    dock.open_project(project.path)
    dock.tabs.setCurrentWidget(dock.train)
    dock.train.form.write(SMALL)
    settle(0.5)
    return dock, Watcher(dock)


def until_state(dock: Any, state: str, seconds: float = START_SECONDS) -> None:
    wait_until(lambda: dock.session.state in (state, "failed"), seconds, state)
    assert dock.session.state == state, dock.train.control.message


def until_step(dock: Any, watcher: Watcher) -> None:
    count = len(watcher.of(Step))
    wait_until(lambda: len(watcher.of(Step)) > count, START_SECONDS, "a step")


def is_gone(window: Any) -> bool:
    """Whether napari's window is closed; then Qt deletes it."""
    try:
        return not window.isVisible()
    except RuntimeError:
        return True


def forget(viewer: Any) -> None:
    """What napari's own program does by ending: nobody closes a viewer whose window the person
    has closed.
    """
    viewer.window._teardown()
    del viewer.window._qt_window
    viewer.close()


def test_train_look_click_pause_stop_resume_kill_export(
    open_window: Callable[[], Any], project: Project
) -> None:
    dock, watcher = opened(open_window, project)
    train, session = dock.train, dock.session
    train.train.click()
    assert session.state == "starting"
    until_step(dock, watcher)
    assert session.state == "running"
    assert watcher.events[0] == watcher.of(Started)[0]
    assert "torch" not in sys.modules, "the window's process never imports torch"
    run = session.run
    assert run is not None and run.path.name == "run-1"
    assert run.read_config() == SMALL
    assert not train.form.isEnabled()
    assert "Stage 1 of 1 (ancillary)" in train.panel.headline.text()
    wait_until(lambda: train.activity.bar is not None, 5, "napari's activity")
    assert train.activity.bar in progress._all_instances
    wait_until(lambda: bool(watcher.of(Preview)), START_SECONDS, "a preview")
    assert watcher.of(Preview)[-1].image_id == session.image_id, (
        "the image that is shown is previewed"
    )

    # what the networks predict is drawn as it changes, into the same layer
    overlays = dock.inspect.overlays
    wait_until(
        lambda: overlays.has("student") and overlays.has("teacher"), START_SECONDS, "the overlays"
    )
    layer, drawn = overlays.layers["student"], overlays.layers["student"].data.copy()
    wait_until(
        lambda: not np.array_equal(overlays.layers["student"].data, drawn),
        START_SECONDS,
        "another picture",
    )
    assert overlays.layers["student"] is layer
    session.show_image("image_3")
    wait_until(
        lambda: watcher.of(Preview)[-1].image_id == session.image_id and overlays.has("student"),
        START_SECONDS,
        "the preview of the other image",
    )

    # the running training uses a click on the canvas
    dock.tabs.setCurrentWidget(dock.annotate)
    settle(0.2)
    before = len(session.clicks(session.image_id))
    Hands(dock.viewer).click(20, 30)
    assert len(session.clicks(session.image_id)) == before + 1
    wait_until(lambda: bool(watcher.of(ClicksTaken)), START_SECONDS, "the click being used")
    taken = watcher.of(ClicksTaken)[0]
    assert (taken.image_ids, taken.added) == ((session.image_id,), 1)
    settle(0.2)
    assert f"1 new click used since iteration {taken.iteration}" in train.panel.note.text()
    assert sum(train.curves.history.clicks.values()) == 1

    # pause, go on
    dock.tabs.setCurrentWidget(train)
    train.panel.pause.click()
    assert train.panel.pause.text() == "Pausing…"
    until_state(dock, "paused", 30)
    steps = len(watcher.of(Step))
    settle(0.5)
    assert len(watcher.of(Step)) == steps
    train.panel.pause.click()
    until_step(dock, watcher)

    # stop: said at once, saved soon
    begun = time.monotonic()
    train.panel.stop.click()
    QApplication.processEvents()
    said = time.monotonic() - begun
    assert train.panel.headline.text().startswith("Stopping") and said < 0.3
    until_state(dock, "stopped", 30)
    print(f"stop: said after {said * 1000:.0f} ms, done after {time.monotonic() - begun:.2f} s")
    assert watcher.of(Finished)[-1].reason == "stopped"
    stopped_at = watcher.of(Finished)[-1].iteration
    assert train.activity.bar is None
    assert train.panel.resume.text() == f"Resume from iteration {stopped_at}"
    assert run.model_path.exists()

    # resume, and the process is killed
    train.panel.resume.click()
    assert session.state == "starting"
    until_step(dock, watcher)
    assert watcher.of(Started)[-1].resumed and watcher.of(StageStarted)[-1].iteration == stopped_at
    process = trainer_process(run)
    assert process is not None
    process.kill()
    until_state(dock, "lost", 10)
    assert "signal 9" in train.panel.headline.text()
    assert train.panel.resume.isVisible() and train.panel.log.isVisible()
    assert isinstance(project.read_clicks(session.image_id), ClickSet)

    # what was saved predicts
    export = dock.export
    dock.tabs.setCurrentWidget(export)
    out = project.path / "predictions" / "run-1"
    assert export.folder.text() == str(out)
    export.predict.click()
    assert export.jobs.stop.isVisible()
    wait_until(lambda: export.predict.isEnabled(), START_SECONDS, "the masks")
    assert "3 images predicted" in export.jobs.result.text()
    for image_id in project.image_ids():
        mask = read_label_png(out / f"{image_id}.png")
        assert mask.shape == tuple(project.image_size(image_id)) and set(np.unique(mask)) <= {
            0,
            1,
            2,
        }


def _weights(run: RunFolder) -> dict[str, int]:
    """Checksums of the model's tensors; this process has no torch to read them with."""
    with zipfile.ZipFile(run.model_path) as model:
        tensors = {
            entry.filename.partition("/")[2]: entry.CRC
            for entry in model.infolist()
            if "/data/" in entry.filename
        }
    assert len(tensors) > 30
    return tensors


def refuse_a_run(dock: Any, project: Project) -> None:
    """One notification, with the log at hand, of a project without clicks."""
    for image_id in project.image_ids():
        for path in (project.clicks_path(image_id), project.sparse_mask_path(image_id)):
            path.unlink(missing_ok=True)
    # napari's popup outlives its window by some seconds
    get_settings().application.gui_notification_level = "none"
    seen: list[Any] = []
    notification_manager.notification_ready.connect(seen.append)
    try:
        dock.train.train.click()
        wait_until(lambda: dock.session.state == "failed", START_SECONDS, "the refusal")
        settle(0.3)
    finally:
        notification_manager.notification_ready.disconnect(seen.append)
    assert len(seen) == 1 and str(seen[0].severity) == "error"
    assert "click" in seen[0].message
    assert [name for name, _ in seen[0].actions] == ["Open log"]
    seen[0].actions[0][1]()
    assert "click" in dock.train._log_window.text()
    dock.train._log_window.close()
    assert dock.train.panel.log.isVisible()


def test_a_refused_run_and_the_copied_command_that_repeats_one(
    open_window: Callable[[], Any],
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dock, _ = opened(open_window, project)
    clicks = {image_id: project.read_clicks(image_id) for image_id in project.image_ids()}
    refuse_a_run(dock, project)
    for image_id, each in clicks.items():
        assert each is not None
        project.write_clicks(image_id, each)
    dock.train.form.write(SMALL.replace(iterations=2, seed=5))
    dock.train.copy.click()
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    line = clipboard.text()
    dock.train.train.click()
    until_state(dock, "finished")
    run: RunFolder = dock.session.run
    config, weights = run.read_config(), _weights(run)
    dock.train.control.detach()
    run.path.rename(tmp_path / "first")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    done = subprocess.run(
        line, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert run.read_config() == config
    assert _weights(run) == weights


def test_closing_with_a_run_going_and_attaching_again(
    open_window: Callable[[], Any], project: Project
) -> None:
    dock, watcher = opened(open_window, project)
    asked: list[str] = []

    def answer(text: str) -> Callable[[Any, str], Any]:
        def ask(window: Any, run: str) -> Any:
            asked.append(run)
            return text

        return ask

    dock.train.train.click()
    until_step(dock, watcher)
    run: RunFolder = dock.session.run
    window = dock.viewer.window._qt_window
    guard = dock.train.guard

    guard.ask = answer("cancel")
    window.close()
    settle(0.3)
    assert window.isVisible() and dock.session.state == "running" and asked == ["run-1"]

    guard.ask = answer("go on")
    window.close()
    wait_until(lambda: is_gone(window), 30, "the window to close")
    assert run.is_alive(), "the run goes on without the window"
    forget(dock.viewer)

    # another window attaches to it, and stops it on closing
    dock, watcher = opened(open_window, project)
    dock.train.attach_to(run.path)
    until_step(dock, watcher)
    window = dock.viewer.window._qt_window
    dock.train.guard.ask = answer("stop")
    window.close()
    assert dock.session.state == "stopping"
    wait_until(lambda: is_gone(window), 60, "the window to close")
    assert asked == ["run-1"] * 3
    events = [event for event, _, _ in run.read_events()]
    assert isinstance(events[-1], Finished) and events[-1].reason == "stopped"
    wait_until(lambda: run.is_alive() is False, 30, "the process to end")
    forget(dock.viewer)
