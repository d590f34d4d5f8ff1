"""kill -9 of a process that clicks: is every click that it acknowledged on disk?

The process runs the plugin's own session, layers and autosave on napari's ViewerModel, or with
--window the dock in napari's window by mouse and keyboard; it clicks every few milliseconds,
deletes, undoes, goes to other images. It tells through a pipe each state of an image's clicks
before handing it over, and each that the session has said to be saved. After the kill the file of
each image must hold a state that was handed over at or after the last one acknowledged, its sparse
mask must be that of the file, and the next window must show it.

    python benchmarks/soak/click_kills.py --kills 200 --record soak/click_kills.jsonl
    xvfb-run -a -s "-screen 0 1600x1200x24" python benchmarks/soak/click_kills.py --window \\
        --kills 200 --record soak/click_kills_window.jsonl
"""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from records import Outcome, arguments, keep_trying, machine

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.io.label_png import read_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project

IMAGES, SIDE = 6, 64
MANY = 40
"""Clicks on an image from which on more are deleted than made."""


def make_project(folder: Path) -> Project:
    """A few small images without clicks."""
    source = folder / "images"
    source.mkdir(parents=True)
    for number in range(IMAGES):
        pixels = np.random.default_rng(number).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
        Image.fromarray(pixels).save(source / f"field_{number}.png")
    return Project.create(
        folder / "project", sorted(source.iterdir()), ClassNames.of("background", "cell", "fibre")
    )


def tell(session: Any, parent: Connection) -> None:
    """Tell the parent each state of an image's clicks before the session gets it, and each that
    the session has said to be saved.
    """
    numbers: dict[str, int] = {}
    write = session.set_clicks

    def hand_over(image_id: str, clicks: ClickSet) -> None:
        numbers[image_id] = numbers.get(image_id, 0) + 1
        parent.send(("handed over", image_id, numbers[image_id], clicks.to_json()))
        write(image_id, clicks)

    def acknowledge(image_id: str) -> None:
        if image_id not in session.unsaved():  # what the window calls "Saved"
            parent.send(("acknowledged", image_id, numbers[image_id], ""))

    session.set_clicks = hand_over
    session.clicks_saved.connect(acknowledge)


def annotate(project: Path, seed: int, parent: Connection, steps: int = 0) -> None:
    """Click as fast as the window could, for ever or so many `steps`; runs in the process that
    is killed.
    """
    from napari.components import ViewerModel

    from seminar_napari.annotate.annotation import Annotation
    from seminar_napari.session.session import Session

    rng = random.Random(seed)
    session = Session()
    annotation = Annotation(session, ViewerModel())
    session.open_project(project)
    tell(session, parent)
    for _ in range(steps) if steps else itertools.count():
        clicks = session.clicks(session.image_id)
        what = rng.random()
        if what < 0.8 or not len(clicks):
            session.set_class(rng.randrange(3))
            annotation.edits.place((rng.uniform(0, SIDE - 1), rng.uniform(0, SIDE - 1)))
        elif what < 0.88:
            annotation.edits.delete(rng.randrange(len(clicks)))
        elif what < 0.94:
            annotation.edits.undo()
        else:
            session.show_image(rng.choice(session.image_ids))
        session.poll()
        time.sleep(rng.choice((0, 0, 0.002, 0.02)))
        session.poll()
    session.close_project()


def annotate_in_window(project: Path, seed: int, parent: Connection) -> None:
    """The same in napari's window, by mouse and keyboard, for ever; runs in the process that is
    killed.
    """
    import napari
    from qtpy.QtCore import Qt
    from window_hands import Hands

    from seminar_napari.contributions.open_dock import open_dock

    rng = random.Random(seed)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 900)
    dock = open_dock(viewer)
    dock.open_project(project)
    session, hands = dock.session, Hands(viewer)
    layer = viewer.layers["Clicks"]
    shown = ClickSet(SIDE, SIDE, layer.data, layer.features["class_id"].to_numpy(dtype=int))
    parent.send(("shown", session.image_id, 0, shown.to_json()))
    tell(session, parent)
    while True:
        what = rng.random()
        place = rng.uniform(0, SIDE - 1), rng.uniform(0, SIDE - 1)
        marks = session.clicks(session.image_id).points.tolist()
        mark = tuple(rng.choice(marks)) if marks else place
        if what < (0.65 if len(marks) < MANY else 0.2):
            hands.key(rng.choice((Qt.Key.Key_0, Qt.Key.Key_1, Qt.Key.Key_2)))
            hands.click(*place)
        elif what < 0.7:
            hands.drag(mark, place)
        elif what < 0.8:
            hands.hover(*place)
            hands.key(Qt.Key.Key_X)
        elif what < 0.85:
            hands.click(*mark, Qt.KeyboardModifier.ControlModifier)
        elif what < 0.94:
            shift = rng.choice((Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier))
            hands.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | shift)
        else:
            hands.key(rng.choice((Qt.Key.Key_A, Qt.Key.Key_D)))


def kill_once(
    project: Project, seed: int, context: Any, clicking: Callable[[Path, int, Connection], None]
) -> Outcome:
    """Start a process that clicks, kill it at a random moment, look at what is on disk."""
    states: dict[str, list[ClickSet]] = {}
    acknowledged: dict[str, int] = {}
    for image_id in project.image_ids():
        states[image_id] = [project.read_clicks(image_id) or ClickSet(SIDE, SIDE)]
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=clicking, args=(project.path, seed, there), daemon=True)
    process.start()
    there.close()
    rng = random.Random(seed)
    total, enough = 0, rng.randint(1, 25)
    shown_otherwise: list[str] = []
    deadline = float("inf")
    try:
        while True:
            if here.poll(max(0.0, min(deadline - time.monotonic(), 60.0))):
                kind, image_id, number, text = here.recv()
                if kind == "handed over":
                    states[image_id].append(ClickSet.from_json(text))
                    assert len(states[image_id]) - 1 == number
                    total += 1
                elif kind == "shown":
                    shown_otherwise += (
                        []
                        if same_marks(ClickSet.from_json(text), states[image_id][0])
                        else [image_id]
                    )
                else:
                    acknowledged[image_id] = number
                if total == enough and deadline == float("inf"):
                    deadline = time.monotonic() + rng.uniform(0, rng.choice((0.003, 0.03)))
            if time.monotonic() > deadline and process.is_alive():
                process.kill()
                process.join()
            elif deadline == float("inf") and not process.is_alive():
                raise RuntimeError("the process that clicks ended before it began")
    except (EOFError, OSError):
        process.join()
    assert process.exitcode == -9, process.exitcode
    outcome = {"seed": seed, "handed over": total, "acknowledged": sum(acknowledged.values())}
    outcome["shown otherwise"] = shown_otherwise
    return outcome | inspect(project, states, acknowledged)


def same_marks(one: ClickSet, other: ClickSet) -> bool:
    """Whether two sets have the same clicks, in whatever time they were made."""
    return np.array_equal(one.points, other.points) and np.array_equal(
        one.class_ids, other.class_ids
    )


def inspect(
    project: Project, states: dict[str, list[ClickSet]], acknowledged: dict[str, int]
) -> Outcome:
    """Count images whose acknowledged clicks are gone, damaged files, and masks that had to be
    repaired.
    """
    lost, torn, lagging, out_of_step = [], [], [], []
    for image_id, handed_over in states.items():
        path, mask_path = project.clicks_path(image_id), project.sparse_mask_path(image_id)
        before = mask_path.read_bytes() if mask_path.exists() else b""
        try:
            opened = Project.open(project.path)
            opened.mend_masks([image_id])
            found = opened.read_clicks(image_id) or ClickSet(SIDE, SIDE)
            if not any(found == state for state in handed_over[acknowledged.get(image_id, 0) :]):
                lost.append(image_id)
            if path.exists():
                lagging += [image_id] * (mask_path.read_bytes() != before)
                if not np.array_equal(read_label_png(mask_path), found.rasterize()):
                    out_of_step.append(image_id)
        except (SeminarError, OSError) as error:
            torn.append(f"{image_id}: {error}")
    return {"lost": lost, "torn": torn, "out of step": out_of_step, "masks repaired": len(lagging)}


def run(
    kills: int, *, window: bool = False, seed: int = 0, record: Path | None = None
) -> list[Outcome]:
    """Kill so many times; one outcome each."""
    context = multiprocessing.get_context("fork")  # napari is imported once
    with tempfile.TemporaryDirectory(prefix="seminar-clicks-") as folder:
        if window:
            import_window(Path(folder, "user"))
        else:
            _here, there = context.Pipe(duplex=False)
            first = make_project(Path(folder, "first"))
            annotate(
                first.path, seed, there, steps=5
            )  # what is loaded late is loaded before the forks
        while threading.active_count() > 1:
            time.sleep(0.01)
        project = make_project(Path(folder, "clicked"))
        clicking = annotate_in_window if window else annotate
        trial = partial(kill_once, project, context=context, clicking=clicking)
        return keep_trying(lambda number: trial(seed + number), count=kills, record=record)


def import_window(user: Path) -> None:
    """Load what a window needs and open none: Qt may not be forked. The user's own settings are
    left alone.
    """
    os.environ |= {"XDG_STATE_HOME": str(user), "NAPARI_CONFIG": str(user / "napari.yaml")}
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "e2e"))  # for the hands
    for name in ("napari._qt.qt_viewer", "napari.qt", "seminar_napari.dock.widget", "window_hands"):
        importlib.import_module(name)


if __name__ == "__main__":
    parser = arguments(__doc__ or "", "kills", 200)
    parser.add_argument(
        "--window", action="store_true", help="napari's window, clicked on with mouse and keyboard"
    )
    options = parser.parse_args()
    outcomes = run(options.kills, window=options.window, seed=options.seed, record=options.record)
    print(machine())
    for key in ("handed over", "acknowledged", "masks repaired"):
        print(f"{key}: {sum(outcome[key] for outcome in outcomes):,}")
    for key in ("lost", "torn", "out of step", "shown otherwise"):
        print(f"{key}: {sum(len(outcome[key]) for outcome in outcomes)} in {len(outcomes)} kills")
