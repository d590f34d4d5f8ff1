"""The window that `overlay.py` measures: a project of large images, the dock, and a run."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.speed.waits import HEARTBEAT_MS, Spent, timed
from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.project.project import Project
from seminar.run.events import Preview
from seminar.run.folder import RunFolder

SIDE = 2048
START_SECONDS = 400


class Bench:
    """The dock on a project of its own."""

    def __init__(self, folder: Path) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        from seminar_napari.dock.widget import SeminarDock

        self.project = make_project(folder)
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1600, 1000)
        application = QApplication.instance()
        assert application is not None
        self._turn: Callable[[], None] = application.processEvents
        self.dock = SeminarDock(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="Seminar", area="right")
        self.session: Any = self.dock.session
        self._written: deque[str] = deque()  # by the stand-in's thread, told in this one
        self.dock.open_project(self.project.path)
        self.run_for(3)

    def run_for(self, seconds: float, until: Callable[[], bool] = lambda: False) -> list[Spent]:
        """Run the event loop and return what each of its turns took; an empty turn counts as
        `HEARTBEAT_MS`.
        """
        turns, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end and not until():
            while self._written:
                event = Preview(
                    stage="ancillary",
                    iteration=0,
                    image_id=self._written.popleft(),
                    layers=("student", "teacher"),
                )
                self.session.receive(event)
            turn = timed(self._turn)
            turns.append(Spent(*(max(value, HEARTBEAT_MS) for value in astuple(turn))))
            time.sleep(max(0.0, HEARTBEAT_MS - turn.clock) / 1000)
        return turns

    def until_drawn(self, action: Callable[[], object]) -> Spent:
        """What `action` takes, until all that it changed is on the screen."""
        return timed(
            lambda: (action(), self.viewer.window._qt_viewer.canvas._scene_canvas.native.repaint())
        )

    def watch(self, seconds: float, *, stand_in: bool) -> tuple[list[Spent], float]:
        """Turns of the event loop and overlay updates per second while a run goes on and two
        overlays are seen.
        """
        overlays, updates = self.dock.inspect.overlays, []
        end = self._stand_in() if stand_in else self._train()
        self.run_for(
            START_SECONDS, until=lambda: overlays.has("student") and overlays.has("teacher")
        )
        if not overlays.has("teacher"):
            raise SystemExit(
                f"no preview came in {START_SECONDS} s:"
                f" {self.dock.train.control.message or self.session.state}"
            )
        for kind in ("student", "teacher"):
            overlays.layers[kind].visible = True
            overlays.layers[kind].events.set_data.connect(
                lambda event: updates.append(time.perf_counter())
            )
        self.run_for(3)
        updates.clear()
        turns = self.run_for(seconds)
        rate = len(updates) / 2 / seconds
        end()
        return turns, rate

    def _train(self) -> Callable[[], None]:
        """Start the real trainer as the window does; the result ends it."""
        config = TrainConfig(
            backbone="none",
            device="cpu",
            iterations=100_000,
            batch_size=2,
            crop_size=128,
            losses=("pce", "pcons"),
        )
        control = self.dock.train.control
        control.start("bench", config)

        def end() -> None:
            control.stop()
            self.run_for(60, until=lambda: not control.is_going)

        return end

    def _stand_in(self) -> Callable[[], None]:
        """Write other masks twice a second, as a trainer does, without training; the result ends
        it.
        """
        run = RunFolder.of(self.project.path, "bench")
        run.path.mkdir(parents=True)
        self.session.set_run(run)
        rows, cols = np.mgrid[:SIDE, :SIDE]
        masks = [
            ((np.sin(rows / 20 + phase) * np.sin(cols / 23)) > 0.5).astype(np.uint8)
            for phase in (0.0, 0.4, 0.8)
        ]
        stop = threading.Event()
        kinds = ("student", "teacher", "disagreement")

        def write() -> None:
            number = 0
            while not stop.wait(0.5):
                number += 1
                for index, kind in enumerate(kinds):
                    run.write_preview(
                        self.session.image_id,
                        kind,
                        masks[(number + index) % 3],
                        self.project.classes,
                    )
                self._written.append(self.session.image_id)

        thread = threading.Thread(target=write)
        thread.start()

        def end() -> None:
            stop.set()
            thread.join()

        return end


def make_project(folder: Path) -> Project:
    """Six images of `SIDE` px with a few clicks each."""
    (folder / "JPEGImages").mkdir(parents=True)
    (folder / "classes.txt").write_text("background\ncell\n")
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    cells = ((np.sin(rows / 20) * np.sin(cols / 23)) > 0.5).astype(np.uint8)
    for number in range(6):
        pixels = (
            60
            + 90 * np.roll(cells, 9 * number, axis=0)[..., None]
            + rng.integers(0, 40, (SIDE, SIDE, 3))
        )
        Image.fromarray(pixels.astype(np.uint8)).save(
            folder / "JPEGImages" / f"field_{number}.png", compress_level=1
        )
    project = Project.open(folder)
    for image_id in project.image_ids():
        points = rng.random((20, 2)) * (SIDE - 1)
        class_ids = cells[tuple(points.astype(int).T)].astype(np.int64)
        project.write_clicks(image_id, ClickSet(SIDE, SIDE, points, class_ids))
    return project
