"""Measure scores against full supervision, time, memory and the first useful mask on real images.

    python benchmarks/library.py SHARED_DATA [--out FOLDER] [--seeds 0]
        [--sets dsb2018_fluo dsb2018_histology] [--only ROW ...]

Everything goes through the `seminar` command line. The sets are copied to FOLDER, clicks are
simulated there, and each finished row is kept in FOLDER/rows, so that an interrupted benchmark goes
on where it was.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.accuracy.measure import SEMINAR, Row, measured, prepared, scores, trained


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("shared", type=Path)
    arguments.add_argument("--out", type=Path, default=Path("benchmark-library"))
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments.add_argument("--sets", nargs="+", default=["dsb2018_fluo", "dsb2018_histology"])
    arguments.add_argument("--only", nargs="+", default=["seminar", "full", "first_mask"])
    options = arguments.parse_args()
    weights = next((options.shared / "weights").glob("mobilenet_v2*.pth"))
    for name in options.sets:
        project = prepared(options.shared / name, options.out / name)
        for seed in options.seeds:
            common = ["--weights", str(weights), "--seed", str(seed)]
            measures: dict[str, Callable[[], Row]] = {
                "seminar": partial(trained, project, f"seminar-{seed}", [*common, "--limit", "20"]),
                "full": partial(
                    trained, project, f"full-{seed}", [*common, "--limit", "20", "--losses", "full"]
                ),
                "first_mask": partial(
                    first_mask, project, f"first-{seed}", [*common, "--limit", "3"]
                ),
            }
            for kind in options.only:
                measured(options.out / "rows", f"{name}/{kind}-{seed}", measures[kind])


def first_mask(project: Path, name: str, options: list[str]) -> Row:
    """Start training, ask it to stop so that all is saved within 30 s of the command, and score
    what it has.
    """
    folder = project / "runs" / name
    shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    process = subprocess.Popen([*SEMINAR, "train", str(project), "--run", name, *options])
    time.sleep(27)
    process.terminate()
    process.wait()
    return {"seconds": time.monotonic() - start, "student": scores(folder / "model.pt", project)}


if __name__ == "__main__":
    main()
