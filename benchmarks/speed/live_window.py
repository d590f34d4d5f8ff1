"""The window with the live mask on: clicks as fast as it takes them, and the memory of both.

    xvfb-run -a -s "-screen 0 1600x1200x24" python benchmarks/speed/live_window.py SHARED_DATA \\
        [--clicks 2000] [--pace 0] [--images 20] [--side 512] [--json]

Real mouse clicks and keys on napari's canvas, on the first image of a project of mosaics, each at
a place of its own and of the class that is there. Reported are clicks that are not on disk as they
were made, how long an event waits that comes at a random moment (as in window.md; before and
during the clicks), how long after the last click its mask is shown, pixels of that mask that
differ from a new fit to the clicks on disk, and the memory of the window and of its probe. With
`--pace 10` there are ten clicks a second, which no hand keeps up. `--project` takes a project that
is there already, and leaves the clicks in it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from benchmarks.speed.mosaics import make_project
from benchmarks.speed.waits import HEARTBEAT_MS, Spent, percentile, timed
from seminar.clicks.click_set import ClickSet
from seminar.project.layout import PROBE
from seminar.project.project import Project

BACKBONE = "efficientnet_lite0"
NEAR = 1.5
"""Pixels between a place that the mouse was sent to and the click there: it moves in whole pixels.
"""

IDLE_SECONDS = 10.0
PATIENCE = 3600.0
LARGE = 100
"""Images beyond which the last mask is not compared: that would make all their features again."""


class Window:
    """The dock in a real window, on a project with clicks."""

    def __init__(self, project: Project) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        from seminar_napari.dock.widget import SeminarDock

        self.project = project
        self.image_id = project.image_ids()[0]
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1400, 1000)
        self._application: Any = QApplication.instance()
        self.dock = SeminarDock(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="Seminar", area="right")
        self.session: Any = self.dock.session
        self.live = self.dock.annotate.live_mask
        self.saved = 0
        self.session.probe_saved.connect(self._on_saved)
        self._canvas: Any = self.viewer.window._qt_viewer.canvas
        self.peak = 0
        self._measured = 0.0
        self.dock.open_project(project.path)

    def _on_saved(self) -> None:
        self.saved += 1

    def turn(self) -> Spent:
        """One turn of the event loop; an empty one counts as `HEARTBEAT_MS`."""
        turn = timed(self._application.processEvents)
        if time.monotonic() > self._measured + 1:
            self._measured = time.monotonic()
            self.peak = max(self.peak, sum(self.memory()))
        return Spent(*(max(value, HEARTBEAT_MS) for value in astuple(turn)))

    def run_until(self, condition: Callable[[], object], what: str) -> None:
        """Run the event loop until the condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f"waited {PATIENCE:.0f} s for {what}")
            self.run_for(HEARTBEAT_MS / 1000)

    def run_for(self, seconds: float) -> list[Spent]:
        """Run the event loop; what each of its turns took."""
        turns, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            turns.append(self.turn())
            time.sleep(max(0.0, HEARTBEAT_MS - turns[-1].clock) / 1000)
        return turns

    def says(self, clicks: int) -> bool:
        """Whether the mask on screen is said to be from so many clicks."""
        return bool(self.live.text.startswith(f"From {clicks:,} clicks"))

    def memory(self) -> tuple[int, int]:
        """Bytes of the window and of its probe, libraries that both have loaded in each."""
        found = []
        for pid in (os.getpid(), self.live.pid):
            try:
                found.append(psutil.Process(pid).memory_info().rss if pid else 0)
            except psutil.Error:
                found.append(0)
        return found[0], found[1]

    def click(self, place: npt.NDArray[np.float64], class_id: int) -> None:
        """Choose the class by its key where it is another one, and click there."""
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest

        hand: Any = QTest
        native = self._canvas.native
        if self.session.current_class != class_id:
            hand.keyClick(native, str(class_id))
        node = self._canvas.layer_to_visual[self.viewer.layers["Clicks"]].node
        x, y = node.get_transform("visual", "canvas").map(place[::-1])[:2]
        point = QPoint(*(round(each / native.devicePixelRatioF()) for each in (x, y)))
        hand.mouseMove(native, point)
        modifier = Qt.KeyboardModifier.NoModifier
        hand.mouseClick(native, Qt.MouseButton.LeftButton, modifier, point)


def places_for(count: int, side: int, taken: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(count, 2) places in any order, apart from each other and from those taken: a click on a
    mark would give it another class.
    """
    rng = np.random.default_rng(0)
    step = side / np.ceil(np.sqrt(1.3 * count + 4 * len(taken)))
    ticks = np.arange(step / 2, side, step)
    grid = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    grid += rng.uniform(-0.15, 0.15, grid.shape) * step
    distances = np.linalg.norm(grid[:, None] - taken[None], axis=2)
    free = grid[distances.min(axis=1, initial=np.inf) > 0.7 * step]
    if len(free) < count:
        raise SystemExit(f"only {len(free)} places for {count} clicks: take larger images")
    return np.asarray(rng.permutation(free)[:count])


def fresh_mask(project: Path, weights: str, image_id: str) -> npt.NDArray[np.uint8]:
    """(H, W) by a probe that knows nothing but the files; in a process of its own, with torch."""
    from seminar.config.probe_settings import ProbeConfig
    from seminar.probe.probe import Probe
    from seminar.project.splits import training_ids

    probe = Probe(Project.open(project), ProbeConfig(backbone=BACKBONE, weights=weights))
    for each in training_ids(probe.project, "train"):
        probe.learn(each)
    probe.fit()
    return probe.predict(image_id).labels


def lost(
    places: npt.NDArray[np.float64], class_ids: npt.NDArray[np.int64], clicks: ClickSet
) -> int:
    """Mouse clicks without a click near their place, of their class."""
    distances = np.linalg.norm(places[:, None] - clicks.points[None], axis=2)
    is_there = (distances < NEAR) & (class_ids[:, None] == clicks.class_ids[None])
    return int((~is_there.any(axis=1)).sum())


def clicks_in(project: Project) -> int:
    """Clicks on disk."""
    found = [project.read_clicks(image_id) for image_id in project.clicks_stamps()]
    return sum(len(clicks.points) for clicks in found if clicks is not None)


def measure(project: Project, weights: str, count: int, pace: float) -> dict[str, Any]:
    """Open the window, click, look at what became of it."""
    is_large = len(project.image_ids()) > LARGE
    started = time.monotonic()
    window = Window(project)
    session, image_id = window.session, window.image_id
    window.run_until(lambda: window.live.text.startswith("From"), "the first mask")
    first = time.monotonic() - started
    before_all = clicks_in(project)
    window.run_until(lambda: window.says(before_all), "the mask of all clicks")
    learnt = time.monotonic() - started
    window.run_until(lambda: window.saved or is_large, "all masks")
    before, idle = window.memory(), percentile(window.run_for(IDLE_SECONDS))
    truth = project.read_truth(image_id)
    assert truth is not None
    places = places_for(count, truth.shape[0], session.clicks(image_id).points)
    class_ids = truth[tuple(places.astype(np.int64).T)].astype(np.int64)
    turns, saved, began = [], window.saved, time.monotonic()
    for number, (place, class_id) in enumerate(zip(places, class_ids.tolist(), strict=True)):
        turns += [timed(partial(window.click, place, class_id)), window.turn()]
        if pace:
            turns += window.run_for(began + (number + 1) / pace - time.monotonic())
    took = time.monotonic() - began
    session.flush()
    total = clicks_in(project)
    window.run_until(lambda: window.says(total), "the mask of all clicks")
    late = time.monotonic() - began - took
    window.run_until(lambda: window.saved > saved or is_large, "the exact fit, and the model")
    window.run_for(2)
    after, wait = window.memory(), percentile(turns)
    shown = window.dock.inspect.overlays.data(PROBE)
    assert shown is not None
    shown = shown.copy()
    pid = window.live.pid or 0
    window.viewer.close()
    window.run_until(lambda: not psutil.pid_exists(pid), "the end of the probe")
    clicks = project.read_clicks(image_id)
    assert clicks is not None
    found = {
        "images": len(project.image_ids()),
        "clicks before": total - count,
        "mouse clicks": count,
        "of them a second": round(count / took, 1),
        "lost": lost(places, class_ids, clicks),
        "last click to its mask, s": round(late, 2),
        "p95 wait idle, ms": round(idle.clock, 1),
        "p95 wait while clicking, ms": round(wait.clock, 1),
        "of the window's thread": round(wait.thread, 1),
        "first mask, s": round(first, 1),
        "all clicks learnt, s": round(learnt, 1),
        "memory of window and probe before, MB": [round(each / 1e6) for each in before],
        "after": [round(each / 1e6) for each in after],
        "most together": round(window.peak / 1e6),
        "load": round(os.getloadavg()[0], 1),
    }
    if not is_large:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            fresh = pool.submit(fresh_mask, project.path, weights, image_id).result()
        found["pixels shown that differ from a new fit"] = int((shown != fresh).sum())
    return found


def main() -> None:
    from seminar_napari.session.start_weights import remember_weights

    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("shared", type=Path)
    arguments.add_argument("--clicks", type=int, default=2000)
    arguments.add_argument("--pace", type=float, default=0.0, help="clicks a second; 0: no pause")
    arguments.add_argument("--images", type=int, default=20)
    arguments.add_argument("--side", type=int, default=512)
    arguments.add_argument("--project", type=Path, help="a project to click in, as it is")
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    weights = str(next((options.shared / "weights").glob("tf_efficientnet_lite0*.pth")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        remember_weights(BACKBONE, weights)
        if options.project:
            project = Project.open(options.project)
        else:
            place = folder / "project"
            project = make_project(place, options.shared, side=options.side, images=options.images)
        found = measure(project, weights, options.clicks, options.pace)
    if options.json:
        print(json.dumps(found))
    else:
        for key, value in found.items():
            print(f"{key}: {value}")


if __name__ == "__main__":
    main()
