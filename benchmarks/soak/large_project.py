"""A project of 10,000 images and 100,000 clicks: how long it takes to open, to go to another image,
to check, and to start training.

    python benchmarks/soak/large_project.py --images 10000 --folder soak/large

The project is kept in the folder for the next time.

Times are on the wall, and in processor time of the process that works, which says more on a busy
machine. The window's part runs on napari's ViewerModel, without drawing.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from PIL import Image
from records import arguments, machine

from seminar.clicks.click_set import ClickSet
from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar.run import events
from seminar.run.folder import RunFolder

SIDE, CLICKS_AN_IMAGE = 64, 10


def make_project(folder: Path, count: int) -> Project:
    """Small images with ten clicks each; taken up where an earlier call was stopped."""
    images = folder / "JPEGImages"
    images.mkdir(parents=True, exist_ok=True)
    classes = ClassNames.of("background", "cell")
    (folder / "classes.txt").write_text(classes.format())
    project = Project.open(folder)
    clicked = project.clicks_stamps()
    for number in range(count):
        image_id = f"field_{number:05d}"
        if image_id in clicked:
            continue
        rng = np.random.default_rng(number)
        Image.fromarray(rng.integers(0, 255, (SIDE, SIDE), dtype=np.uint8)).save(
            images / f"{image_id}.png", compress_level=1
        )
        points, class_ids = (
            rng.uniform(0, SIDE - 1, (CLICKS_AN_IMAGE, 2)),
            rng.integers(0, 2, CLICKS_AN_IMAGE),
        )
        project.write_clicks(image_id, ClickSet(SIDE, SIDE, points, class_ids), durable=False)
    return project


def timed(what: str, wanted: float, work: Callable[[], object]) -> None:
    """Print how long `work` took."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    report(what, wanted, time.perf_counter() - wall, time.process_time() - processor)


def report(what: str, wanted: float, wall: float, processor: float) -> None:
    print(f"| {what} | {wall:.2f} | {processor:.2f} | {wanted:g} |", flush=True)


def window(project: Project) -> None:
    """Open, go to images, click."""
    from napari.components import ViewerModel

    from seminar_napari.annotate.annotation import Annotation
    from seminar_napari.session.session import Session

    session = Session()
    annotation = Annotation(session, ViewerModel())
    timed("open: the first image is shown", 5, lambda: session.open_project(project.path))
    timed("and the states of all images are known", 60, lambda: session.image_states.wait(600))
    rng = random.Random(0)
    walls, processors = [], []
    for _ in range(30):
        wall, processor = time.perf_counter(), time.process_time()
        session.show_image(rng.choice(session.image_ids))
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    report("another image, median of 30", 0.2, median(walls), median(processors))
    report("another image, longest of 30", 0.2, max(walls), max(processors))
    timed("a click", 0.03, lambda: annotation.edits.place((5, 5)))
    session.flush(60)
    timed("a look for clicks of others", 0.2, session.take_clicks_from_disk)
    timed("what to know before training", 1, session.warnings)
    session.close_project()


def child(*words: object) -> psutil.Popen:
    """`seminar ...` in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return psutil.Popen(
        [sys.executable, "-m", "seminar", *map(str, words)],
        env=environment,
        stdout=subprocess.DEVNULL,
    )


def check(project: Project) -> None:
    """`seminar check`, with Python's start."""
    wall = time.perf_counter()
    process = child("check", project.path)
    _, _, usage = os.wait4(process.pid, 0)
    report("`seminar check`", 60, time.perf_counter() - wall, usage.ru_utime + usage.ru_stime)


def training(project: Project) -> None:
    """From the command to the first step."""
    run = RunFolder.of(project.path, f"start-{time.time_ns()}")
    wall = time.perf_counter()
    process = child(
        "train",
        project.path,
        "--run",
        run.path.name,
        "--backbone",
        "none",
        "--losses",
        "pce",
        "--crop-size",
        64,
    )
    while not any(isinstance(event, events.Step) for event, _, _ in run.read_events()):
        assert process.poll() is None
        time.sleep(0.2)
    used = process.cpu_times()
    report(
        "training: from the command to the first step",
        30,
        time.perf_counter() - wall,
        used.user + used.system,
    )
    process.kill()
    process.wait()
    run.remove()


if __name__ == "__main__":
    parser = arguments(__doc__ or "", "images", 10_000)
    parser.add_argument(
        "--folder",
        type=Path,
        required=True,
        help="where the project is made, and found the next time",
    )
    options = parser.parse_args()
    large = make_project(options.folder, options.images)
    print(machine())
    print(f"{options.images:,} images, {options.images * CLICKS_AN_IMAGE:,} clicks")
    print("| what | seconds on the wall | of processor | wanted |\n|---|---|---|---|")
    timed("the project's folder is read", 5, lambda: Project.open(options.folder).image_ids())
    window(large)
    check(large)
    training(large)
