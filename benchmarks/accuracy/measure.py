"""What the benchmarks share: sets of images with clicks, real `seminar` commands, and rows that are
measured once.

The benchmarks run from a checkout in which the package is installed editable (`pip install -e .`),
which makes `benchmarks` importable.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from seminar.io.files import locked
from seminar.io.label_png import read_label_png, write_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar.run.events import Validated
from seminar.run.folder import RunFolder

SEMINAR = [sys.executable, "-m", "seminar"]

SCENE_ITERATIONS = 400
SCENES = ("--no-rotations", "--iterations", str(SCENE_ITERATIONS))
"""Street scenes and photos of people have an up, and more classes than a laptop's default budget
can tell apart.
"""

Row = dict[str, Any]


@dataclass(frozen=True)
class ImageSet:
    """The first `limit` training images of a data set (0: all); `half` halves the sides of all its
    images and masks; `human` is a folder with clicks of people, in place of simulated ones.
    """

    source: str
    limit: int
    options: tuple[str, ...] = ()
    half: bool = False
    human: str = ""

    @property
    def folder(self) -> str:
        """Name of its copy with clicks."""
        return f"{self.source}-half" if self.half else self.source


SETS: Mapping[str, ImageSet] = {
    **{f"fluo{limit}": ImageSet("dsb2018_fluo", limit) for limit in (1, 3, 5, 10, 20, 100)},
    **{f"histology{limit}": ImageSet("dsb2018_histology", limit) for limit in (1, 3, 5, 10, 20)},
    "ccp60": ImageSet("ccp", 60, SCENES, half=True),
    "ccp40full": ImageSet("ccp", 40),
    "camvid60": ImageSet("camvid", 60, SCENES, half=True),
    "voc": ImageSet("voc2012_2007", 0, SCENES, human="voc2012_points"),
}


def prepared(
    source: Path,
    project: Path,
    *,
    half: bool = False,
    human: Path | None = None,
    style: tuple[str, ...] = (),
) -> Path:
    """A copy of a set with simulated clicks (`style` are more options of `simulate-clicks`) or
    people's, made once, also where several benchmarks ask for it at the same time.
    """
    project.parent.mkdir(parents=True, exist_ok=True)
    with locked(project.parent):
        if not project.exists():
            unfinished = project.with_name(f"{project.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(source, unfinished, copy_function=shutil.copyfile)
            for path in [unfinished, *unfinished.rglob("*")]:
                path.chmod(0o755 if path.is_dir() else 0o644)
            if half:
                _halve(unfinished)
            if human is None:
                seminar("simulate-clicks", unfinished, "--seed", 0, *style)
            else:
                seminar("import-clicks", unfinished, *sorted(human.glob("*.json")))
            unfinished.rename(project)
    return project


def _halve(project: Path) -> None:
    """Images by averaging, masks by taking every second pixel; images become PNGs, which lose
    nothing more.
    """
    classes = Project.open(project).classes
    for path in sorted((project / "JPEGImages").iterdir()):
        with Image.open(path) as image:
            smaller = image.reduce(2)
        path.unlink()
        smaller.save(path.with_suffix(".png"))
    for path in sorted((project / "SegmentationClass").iterdir()):
        write_label_png(path, read_label_png(path)[::2, ::2], classes, durable=False)


def seminar(*words: object) -> str:
    """What a `seminar` command prints."""
    command = [*SEMINAR, *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def measured(rows: Path, name: str, measure: Callable[[], Row]) -> Row:
    """The row of this name from the folder of rows, measured and kept there unless it is there."""
    path = rows / f"{name}.json"
    if not path.exists():
        row = measure() | {
            "date": time.strftime("%Y-%m-%d"),
            "version": _version(),
            "torch": torch.__version__.partition("+")[0],
            "machine": machine(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(json.dumps(row, indent=1) + "\n")
        path.with_suffix(".part").replace(path)
        print(name, json.dumps(row), flush=True)
    row = json.loads(path.read_text())
    return dict(row)


def trained(project: Path, run: str, options: list[str]) -> Row:
    """Train; the scores of each stage's student on val, wall-clock and peak memory of the training
    command, and how the student scored on the first val images meanwhile (`curves`, by stage).
    """
    folder = project / "runs" / run
    shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    process = subprocess.Popen([*SEMINAR, "train", str(project), "--run", run, *options])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    row: Row = {"seconds": time.monotonic() - start, "peak_bytes": usage.ru_maxrss * 1024}
    row |= {"options": without_folders(options), "curves": _curves(RunFolder(folder))}
    for path in sorted(folder.glob("*/student.pt")):
        row[path.parent.name] = scores(path, project)
    return row


def without_folders(options: list[str]) -> list[str]:
    """The options with files by their names alone: a row is read on other machines."""
    return [Path(option).name if option.startswith("/") else option for option in options]


def _curves(run: RunFolder) -> dict[str, list[float]]:
    """Mean IoU of the student by stage, in the order in which it was scored."""
    curves: dict[str, list[float]] = {}
    for event, _, _ in run.read_events():
        if isinstance(event, Validated) and event.network == "student":
            curves.setdefault(event.stage, []).append(event.mean_iou)
    return curves


def scores(source: Path, project: Path) -> dict[str, float]:
    """`pooled` (one confusion matrix over val) and `per_image` (mean of each image's own) IoU of a
    model or a folder of masks.

    Of two classes the foreground alone; of more, the mean over all of them that are there.
    """
    printed = json.loads(seminar("evaluate", source, project, "--json"))
    classes = ClassNames.parse((project / "classes.txt").read_text(encoding="utf-8"))
    counted = classes.names[1:] if classes.num_classes == 2 else classes.names
    return {
        name: statistics.fmean(
            value for each in counted if (value := printed[key][each]) is not None
        )
        for name, key in (("pooled", "per_class_iou"), ("per_image", "per_image_iou"))
    }


def spread(values: list[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; 0 of a single value."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def machine() -> str:
    """Processor and number of cores in words, and the graphics card where there is one."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    accelerator = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{os.cpu_count()} cores of {model}{accelerator}"


def _version() -> str:
    """The commit that was measured."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return described.stdout.strip()
