"""Measure what the library promises on real images: scores against full supervision, time, memory, first useful mask.

    python benchmarks/library.py SHARED_DATA [--out FOLDER] [--seeds 0] [--sets dsb2018_fluo dsb2018_histology] [--only ROW ...]

Everything goes through the `seminar` command line. The sets are copied to FOLDER, clicks are simulated there, and each finished row is
kept in FOLDER/rows.json, so that an interrupted benchmark goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

SEMINAR = [sys.executable, "-m", "seminar"]
FOREGROUND = "nucleus"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
            measures: dict[str, Callable[[], dict[str, Any]]] = {
                "seminar": partial(trained, project, f"seminar-{seed}", [*common, "--limit", "20"]),
                "full": partial(trained, project, f"full-{seed}", [*common, "--limit", "20", "--losses", "full"]),
                "first_mask": partial(first_mask, project, f"first-{seed}", [*common, "--limit", "3"]),
            }
            for kind in options.only:
                row(options.out, f"{name}/{kind}/{seed}", measures[kind])
    print((options.out / "rows.json").read_text())


def prepared(source: Path, project: Path) -> Path:
    """A copy of a set with simulated clicks, made once."""
    if not (project / "Clicks").is_dir():
        shutil.copytree(source, project, copy_function=shutil.copyfile)
        for path in [project, *project.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        run("simulate-clicks", str(project), "--seed", "0")
    return project


def trained(project: Path, name: str, options: list[str]) -> dict[str, Any]:
    """Train with the default preset; scores of each stage's student on val, wall-clock and peak memory of the training command."""
    folder = project / "runs" / name
    shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    process = subprocess.Popen([*SEMINAR, "train", str(project), "--run", name, *options])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    result: dict[str, Any] = {"seconds": time.monotonic() - start, "peak_bytes": usage.ru_maxrss * 1024}
    for path in sorted(folder.glob("*/student.pt")):
        result[path.parent.name] = scores(path, project)
    return result


def first_mask(project: Path, name: str, options: list[str]) -> dict[str, Any]:
    """Start training, ask it to stop so that all is saved within 30 s of the command, and score what it has."""
    folder = project / "runs" / name
    shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    process = subprocess.Popen([*SEMINAR, "train", str(project), "--run", name, *options])
    time.sleep(27)
    process.terminate()
    process.wait()
    return {"seconds": time.monotonic() - start, "student": scores(folder / "model.pt", project)}


def scores(model: Path, project: Path) -> dict[str, float]:
    """Pooled foreground IoU and mean of per-image IoU on the val split."""
    printed = json.loads(run("evaluate", str(model), str(project), "--json"))
    return {"pooled": printed["per_class_iou"][FOREGROUND], "per_image": printed["per_image_iou"][FOREGROUND]}


def row(out: Path, name: str, measure: Callable[[], dict[str, Any]]) -> None:
    path = out / "rows.json"
    rows = json.loads(path.read_text()) if path.exists() else {}
    if name not in rows:
        rows[name] = measure()
        path.write_text(json.dumps(rows, indent=1))
        print(name, rows[name], flush=True)


def run(*words: str) -> str:
    return subprocess.run([*SEMINAR, *words], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
