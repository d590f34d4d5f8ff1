"""How long clicks of another program take to come in, and how much memory: 100,000 clicks on 1,000
images from one CVAT file, compared with Datumaro reading the same file in the same run.

Each measurement is a process of its own, in turns; times are without the start of Python and the
imports. "read" is the file alone, "import" is everything that `seminar import-clicks` does:
reading, matching, merging, and writing 1,000 JSON files and masks. Datumaro may be in another
environment:

    python benchmarks/speed/import_clicks.py --datumaro-python ~/datumaro/bin/python
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
SIDE = 512

CHILD = """
import json, resource, sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
what, folder = sys.argv[1], Path(sys.argv[2])
if what == "datumaro":
    import datumaro
    start, used = time.perf_counter(), time.process_time()
    dataset = datumaro.Dataset.import_from(str(folder / "cvat"), "cvat")
    count = sum(len(item.annotations) for item in dataset)
else:
    from seminar.clicks.readers.format_table import read_clicks
    from seminar.project.import_clicks import write_import
    from seminar.project.import_plan.plan_import import plan_import
    from seminar.project.project import Project
    path = folder / "cvat" / "clicks.xml"
    start, used = time.perf_counter(), time.process_time()
    if what == "read":
        count = len(read_clicks(path).clicks)
    else:
        project = Project.open(folder / "project")
        plan = plan_import(project, {{path: read_clicks(path)}})
        for state in write_import(project, plan):
            pass
        count = sum(state.per_class.values())
seconds, cpu = time.perf_counter() - start, time.process_time() - used
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{"clicks": count, "seconds": seconds, "cpu": cpu, "peak_mb": peak}}))
"""


def make(folder: Path, images: int, clicks: int) -> None:
    """A project without clicks and a CVAT file of them, next to the images as Datumaro wants."""
    from seminar.clicks.click_set import ClickSet
    from seminar.clicks.writers.exported import ExportImage
    from seminar.clicks.writers.format_table import WRITERS
    from seminar.labels import ClassNames
    from seminar.project.project import Project

    rng = np.random.default_rng(0)
    pictures = folder / "cvat" / "images"
    pictures.mkdir(parents=True)
    picture = Image.fromarray(rng.integers(0, 255, (SIDE, SIDE), dtype=np.uint8))
    classes = ClassNames.of("background", "nucleus", "mitosis")
    exported = []
    for number in range(images):
        file = pictures / f"field_{number:04d}.png"
        if number:
            shutil.copyfile(pictures / "field_0000.png", file)
        else:
            picture.save(file)
        places = rng.choice(SIDE * SIDE, clicks, replace=False)  # no two on one pixel
        points = np.stack(np.divmod(places, SIDE), axis=1) + rng.uniform(-0.4, 0.4, (clicks, 2))
        click_set = ClickSet(SIDE, SIDE, points, rng.integers(0, 3, clicks))
        exported.append(ExportImage(file.stem, file, SIDE, SIDE, click_set))
    Project.create(folder / "project", [pictures], classes)
    writer = WRITERS["cvat"].writers["clicks"]
    deque(writer(folder / "cvat" / "clicks.xml", exported, classes), maxlen=0)


def measure(python: str, what: str, folder: Path) -> dict[str, Any]:
    """One measurement in a process of its own."""
    for name in ("Clicks", "SegmentationClick"):
        shutil.rmtree(folder / "project" / name, ignore_errors=True)
    done = subprocess.run(
        [python, "-W", "ignore", "-c", CHILD.format(root=str(ROOT)), what, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Make, measure in turns, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--clicks", type=int, default=100, help="an image")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--datumaro-python", default="", help="an interpreter with datumaro")
    options = parser.parse_args()
    whats = ["read", "import", *(["datumaro"] if options.datumaro_python else [])]
    found: dict[str, list[dict[str, Any]]] = {what: [] for what in whats}
    with tempfile.TemporaryDirectory(prefix="seminar-import-") as name:
        folder = Path(name)
        make(folder, options.images, options.clicks)
        for _ in range(options.repeats):
            for what in whats:
                python = options.datumaro_python if what == "datumaro" else sys.executable
                found[what].append(measure(python, what, folder))
                assert found[what][-1]["clicks"] == options.images * options.clicks
    print("| | seconds (median) | all | processor time | peak memory |\n|---|---|---|---|---|")
    for what in whats:
        seconds = [one["seconds"] for one in found[what]]
        cpu = statistics.median(one["cpu"] for one in found[what])
        peak = max(one["peak_mb"] for one in found[what])
        print(
            f"| {what} | {statistics.median(seconds):.2f} | "
            f"{' '.join(f'{one:.2f}' for one in seconds)} | {cpu:.2f} s | {peak:.0f} MB |"
        )
    for what in ("read", "import") if "datumaro" in found else ():
        ratios = [
            statistics.median(
                one[unit] / other[unit]
                for one, other in zip(found[what], found["datumaro"], strict=True)
            )
            for unit in ("seconds", "cpu")
        ]
        print(
            f"{what} / Datumaro's reading: {ratios[0]:.2f} of the time, {ratios[1]:.2f} of the "
            "processor time"
        )


if __name__ == "__main__":
    main()
