"""kill -9 of a process that clicks: is every click that it acknowledged on disk?

The process runs the plugin's own session, layers and autosave on napari's ViewerModel, clicks every few milliseconds, deletes, undoes, goes to other images. It tells
through a pipe each state of an image's clicks before handing it over, and each that the session has said to be saved. After the kill the file of each image
must hold a state that was handed over at or after the last one acknowledged, and its sparse mask must be that of the file.

    python benchmarks/soak/click_kills.py --kills 200 --record soak/click_kills.jsonl
"""

from __future__ import annotations

import itertools
import multiprocessing
import random
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from records import Outcome, arguments, keep_trying, machine

from seminar.clicks import ClickSet
from seminar.errors import SeminarError
from seminar.labels import ClassNames
from seminar.voc import Project, read_label_png

IMAGES, SIDE = 6, 64


def make_project(folder: Path) -> Project:
    """A few small images without clicks."""
    source = folder / "images"
    source.mkdir(parents=True)
    for number in range(IMAGES):
        pixels = np.random.default_rng(number).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
        Image.fromarray(pixels).save(source / f"field_{number}.png")
    return Project.create(folder / "project", sorted(source.iterdir()), ClassNames.of("background", "cell", "fibre"))


def annotate(project: Path, seed: int, parent: Connection, steps: int = 0) -> None:
    """Click as fast as the window could, for ever or so many `steps`; runs in the process that is killed."""
    from napari.components import ViewerModel

    from seminar_napari._annotation import Annotation
    from seminar_napari._session import Session

    rng = random.Random(seed)
    session = Session()
    annotation = Annotation(session, ViewerModel())
    numbers: dict[str, int] = {}
    write = session.set_clicks

    def hand_over(image_id: str, clicks: ClickSet) -> None:
        numbers[image_id] = numbers.get(image_id, 0) + 1
        parent.send(("handed over", image_id, numbers[image_id], clicks.to_json()))
        write(image_id, clicks)

    def acknowledge(image_id: str) -> None:
        if image_id not in session.unsaved():  # what the window calls "Saved"
            parent.send(("acknowledged", image_id, numbers[image_id], ""))

    session.open_project(project)
    session.set_clicks = hand_over  # type: ignore[method-assign]
    session.clicks_saved.connect(acknowledge)
    for _ in range(steps) if steps else itertools.count():
        clicks = session.clicks(session.image_id)
        what = rng.random()
        if what < 0.8 or not len(clicks):
            session.set_class(rng.randrange(3))
            annotation.place((rng.uniform(0, SIDE - 1), rng.uniform(0, SIDE - 1)))
        elif what < 0.88:
            annotation.delete(rng.randrange(len(clicks)))
        elif what < 0.94:
            annotation.undo()
        else:
            session.show_image(rng.choice(session.image_ids))
        session.poll()
        time.sleep(rng.choice((0, 0, 0.002, 0.02)))
        session.poll()
    session.close_project()


def kill_once(project: Project, seed: int, context: Any) -> Outcome:
    """Start a process that clicks, kill it at a random moment, look at what is on disk."""
    states: dict[str, list[ClickSet]] = {}
    acknowledged: dict[str, int] = {}
    for image_id in project.image_ids():
        states[image_id] = [project.read_clicks(image_id) or ClickSet(SIDE, SIDE)]
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=annotate, args=(project.path, seed, there), daemon=True)
    process.start()
    there.close()
    rng = random.Random(seed)
    total, enough = 0, rng.randint(1, 25)
    deadline = float("inf")
    try:
        while True:
            if here.poll(max(0.0, min(deadline - time.monotonic(), 60.0))):
                kind, image_id, number, text = here.recv()
                if kind == "handed over":
                    states[image_id].append(ClickSet.from_json(text))
                    assert len(states[image_id]) - 1 == number
                    total += 1
                else:
                    acknowledged[image_id] = number
                if total == enough and deadline == float("inf"):
                    deadline = time.monotonic() + rng.uniform(0, 0.03)
            if time.monotonic() > deadline and process.is_alive():
                process.kill()
                process.join()
            elif deadline == float("inf") and not process.is_alive():
                raise RuntimeError("the process that clicks ended before it began")
    except (EOFError, OSError):
        process.join()
    assert process.exitcode == -9, process.exitcode
    outcome = {"seed": seed, "handed over": total, "acknowledged": sum(acknowledged.values())}
    return outcome | inspect(project, states, acknowledged)


def inspect(project: Project, states: dict[str, list[ClickSet]], acknowledged: dict[str, int]) -> Outcome:
    """Count images whose acknowledged clicks are gone, damaged files, and masks that had to be repaired."""
    lost, torn, lagging, out_of_step = [], [], [], []
    for image_id, handed_over in states.items():
        path, mask_path = project.clicks_path(image_id), project.sparse_mask_path(image_id)
        before = mask_path.read_bytes() if mask_path.exists() else b""
        try:
            found = Project.open(project.path).read_clicks(image_id) or ClickSet(SIDE, SIDE)
            if not any(found == state for state in handed_over[acknowledged.get(image_id, 0) :]):
                lost.append(image_id)
            if path.exists():
                lagging += [image_id] * (mask_path.read_bytes() != before)
                if not np.array_equal(read_label_png(mask_path), found.rasterize()):
                    out_of_step.append(image_id)
        except (SeminarError, OSError) as error:
            torn.append(f"{image_id}: {error}")
    return {"lost": lost, "torn": torn, "out of step": out_of_step, "masks repaired": len(lagging)}


def run(kills: int, *, seed: int = 0, record: Path | None = None) -> list[Outcome]:
    """Kill so many times; one outcome each."""
    context = multiprocessing.get_context("fork")  # napari is imported once
    with tempfile.TemporaryDirectory(prefix="seminar-clicks-") as folder:
        _here, there = context.Pipe(duplex=False)
        annotate(
            make_project(Path(folder, "first")).path, seed, there, steps=5
        )  # what is loaded late is loaded before the forks
        while threading.active_count() > 1:
            time.sleep(0.01)
        project = make_project(Path(folder, "clicked"))
        return keep_trying(lambda number: kill_once(project, seed + number, context), count=kills, record=record)


if __name__ == "__main__":
    options = arguments(__doc__ or "", "kills", 200).parse_args()
    outcomes = run(options.kills, seed=options.seed, record=options.record)
    print(machine())
    for key in ("handed over", "acknowledged", "masks repaired"):
        print(f"{key}: {sum(outcome[key] for outcome in outcomes):,}")
    for key in ("lost", "torn", "out of step"):
        print(f"{key}: {sum(len(outcome[key]) for outcome in outcomes)} in {len(outcomes)} kills")
