"""The window for minutes or hours: a real run, images switched, clicks added and deleted, previews
drawn. Does it stay small and quick?

    xvfb-run -a -s "-screen 0 1600x1200x24" python benchmarks/soak/window.py \\
        --minutes 120 --record soak/window.jsonl

The run is the default one, in small crops, on the processor. Every ten seconds memory, open files,
threads and child processes are noted, and how long an event that comes at a random moment waits in
95 of 100 cases. Memory is flat where the last fifth lies within 5 % of the second fifth: the first
one warms up.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from PIL import Image
from records import Outcome, arguments, keep_trying, machine

from benchmarks.speed.waits import HEARTBEAT_MS, Spent, percentile, timed
from seminar.config.settings import TrainConfig
from seminar.labels import ClassNames
from seminar.project.project import Project

IMAGES, SIDE = 12, 320
SAMPLE_SECONDS = 10.0


def make_project(folder: Path) -> Project:
    """Bright discs on dark ground, with two clicks on the first two images."""
    source = folder / "images"
    source.mkdir(parents=True)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    for number in range(IMAGES):
        cells = np.sin(rows / 20 + number) * np.sin(cols / 23) > 0.5
        noise = np.random.default_rng(number).integers(0, 40, (SIDE, SIDE, 3))
        Image.fromarray((60 + 90 * cells[..., None] + noise).astype(np.uint8)).save(
            source / f"field_{number:02d}.png"
        )
    return Project.create(
        folder / "project", sorted(source.iterdir()), ClassNames.of("background", "cell")
    )


class Soak:
    """The dock in a real window, with a run going."""

    def __init__(self, folder: Path, seed: int) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        from seminar_napari.dock.widget import SeminarDock

        self._rng = random.Random(seed)
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1400, 900)
        self._application = QApplication.instance()
        self.dock = SeminarDock(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="Seminar", area="right")
        self.session: Any = self.dock.session
        self.dock.open_project(make_project(folder).path)
        self._turns(2)
        for _ in range(4):
            self._click()
            self.session.next_image()
            self._turns(0.5)
        self.session.flush()
        self.idle = percentile(self._turns(SAMPLE_SECONDS)).clock
        self._begin_run()
        self.previews = 0
        self.session.event_received.connect(self._on_event)

    def _begin_run(self) -> None:
        config = TrainConfig(
            backbone="none", device="cpu", iterations=1_000_000, batch_size=2, crop_size=128
        )
        self.dock.train.control.start(f"soak-{time.time_ns()}", config)

    def _on_event(self, event: Any, when: float) -> None:
        self.previews += type(event).__name__ == "Preview"

    def _turns(self, seconds: float, *actions: Callable[[], object]) -> list[Spent]:
        """Do these things, then run the event loop; what each and what each turn took, an empty
        turn counting as `HEARTBEAT_MS`.
        """
        turns = [timed(action) for action in actions]
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            turn = timed(self._application.processEvents)
            turns.append(Spent(*(max(value, HEARTBEAT_MS) for value in astuple(turn))))
            time.sleep(max(0.0, HEARTBEAT_MS - turn.clock) / 1000)
        return turns

    def _click(self) -> None:
        """Both classes once, or a click less where there are many."""
        annotation = self.dock.annotate.annotation
        if len(self.session.clicks(self.session.image_id)) > 40:
            annotation.edits.delete(0)
            annotation.edits.delete(0)
            return
        for class_id in (0, 1):
            self.session.set_class(class_id)
            annotation.edits.place((self._rng.uniform(0, SIDE - 1), self._rng.uniform(0, SIDE - 1)))

    def sample(self, number: int) -> Outcome:
        """Ten seconds of work, and what the process is like then."""
        end = time.monotonic() + SAMPLE_SECONDS
        turns: list[Spent] = []
        while time.monotonic() < end:
            image_id = self._rng.choice(self.session.image_ids)
            turns += self._turns(0.5, partial(self.session.show_image, image_id))
            turns += self._turns(0.5, self._click)
            overlays = self.dock.inspect.overlays
            for kind in ("student", "teacher"):
                if overlays.has(kind):
                    overlays.layers[kind].visible = True
        if not self.dock.train.control.is_going:
            raise SystemExit(
                f"the run has ended: {self.dock.train.control.message or self.session.state}"
            )
        process = psutil.Process()
        children = process.children(recursive=True)
        wait = percentile(turns)
        return {
            "number": number,
            "memory": process.memory_info().rss,
            "files": process.num_fds() if hasattr(process, "num_fds") else 0,
            "threads": process.num_threads(),
            "children": len(children),
            "memory of children": sum(child.memory_info().rss for child in children),
            "previews": self.previews,
            "wait": wait.clock,
            "wait of processor": wait.processor,
            "wait before the run": self.idle,
            "load": os.getloadavg()[0],
        }

    def close(self) -> list[str]:
        """End the run and the window; the child processes that are left a minute later."""
        self.dock.train.control.stop()
        until = time.monotonic() + 300
        while self.dock.train.control.is_going and time.monotonic() < until:
            self._turns(0.2)
        self.viewer.close()
        until = time.monotonic() + 60
        while (left := psutil.Process().children(recursive=True)) and time.monotonic() < until:
            self._turns(0.2)
        return [" ".join(child.cmdline()) or child.name() for child in left]


def tell(samples: list[Outcome]) -> None:
    """First and last, and whether memory stayed."""
    fifth = max(1, len(samples) // 5)
    early, late = samples[fifth : 2 * fifth] or samples, samples[-fifth:]
    for key in (
        "memory",
        "memory of children",
        "files",
        "threads",
        "children",
        "wait",
        "wait of processor",
    ):
        first, last = (median(sample[key] for sample in part) for part in (early, late))
        print(
            f"{key}: {first:,.0f} in the second fifth, {last:,.0f} in the last"
            f" ({(last / max(first, 1) - 1):+.1%})"
        )
    print(
        f"{len(samples) * SAMPLE_SECONDS / 60:.0f} minutes,"
        f" {max(sample['previews'] for sample in samples):,} previews, ",
        end="",
    )
    print(
        f"p95 wait {samples[0]['wait before the run']:.0f} ms before the run, longest"
        f" {max(sample['wait'] for sample in samples):.0f} ms at loads up to"
        f" {max(sample['load'] for sample in samples):.1f}"
    )


if __name__ == "__main__":
    options = arguments(__doc__ or "", "minutes", 120).parse_args()
    count = round(options.minutes * 60 / SAMPLE_SECONDS)
    print(machine())
    with tempfile.TemporaryDirectory(prefix="seminar-window-") as folder:
        os.environ["XDG_STATE_HOME"] = folder  # the list of recent projects
        soak = Soak(Path(folder), options.seed)
        outcomes = keep_trying(soak.sample, count=count, record=options.record)
        print(f"child processes left behind: {soak.close()}")
    tell(outcomes)
