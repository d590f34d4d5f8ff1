"""How fast a probe answers: the first mask of a project, and a new mask after each click.

    python benchmarks/speed/probe.py SHARED_DATA [--side 512] [--images 20] [--clicks 40] [--json]

Images are mosaics of dsb2018_histology with clicks from `seminar simulate-clicks`. `seminar probe
--follow` is started as the window starts it, with a cache of features of its own: "first mask" is
from there to the file of the mask, imports included; "click" from before the click is written to
after the mask is read. With `--images 1000` the memory is that of a large project.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.speed.mosaics import make_project
from seminar.clicks.click_set import ClickSet
from seminar.io.label_png import read_label_png
from seminar.project.layout import PROBE, preview_path

LARGE = 100
"""Images beyond which the masks of all are not waited for before the clicks."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("shared", type=Path)
    arguments.add_argument("--side", type=int, default=512)
    arguments.add_argument("--images", type=int, default=20)
    arguments.add_argument("--first", type=int, default=3, help="images of the first mask")
    arguments.add_argument("--clicks", type=int, default=40)
    arguments.add_argument("--backbone", default="efficientnet_lite0")
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = str(Path(name) / "cache")
        found = _measure(Path(name), options)
    found |= {"machine": f"{os.cpu_count()} x {platform.processor() or platform.machine()}"}
    if options.json:
        print(json.dumps(found))
    else:
        for key, value in found.items():
            print(f"{key}: {value}")


def _measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    weights = next((options.shared / "weights").glob("tf_efficientnet_lite0*.pth"))
    words = ["--backbone", options.backbone, "--weights", str(weights)]
    few = make_project(folder / "few", options.shared, side=options.side, images=options.first)
    cold, used, by_network = [], [], []
    for _ in range(3):
        follower = Follower(few.path, words)
        cold.append(follower.wait_for_mask(few.image_ids()[0]))
        used.append(sum(psutil.Process(follower.process.pid).cpu_times()[:2]))
        by_network.append(follower.wait_for_mask(few.image_ids()[0]))
        follower.end()
        for path in (Path(os.environ["XDG_CACHE_HOME"])).rglob("*.npz"):
            path.unlink()
    many = make_project(folder / "many", options.shared, side=options.side, images=options.images)
    follower = Follower(many.path, words)
    follower.wait_for_mask(many.image_ids()[0])
    if options.images <= LARGE:
        follower.wait_for("saved")
    else:
        found = [many.read_clicks(image_id) for image_id in many.image_ids()]
        follower.wait_for("mask", clicks=sum(len(each.points) for each in found if each))
    rng = np.random.default_rng(0)
    waits, fits = [], []
    for number in range(options.clicks):
        image_id = many.image_ids()[number // 10 % options.images]
        if number % 10 == 0:
            follower.say({"look": image_id})
            time.sleep(1.5)
        clicks = many.read_clicks(image_id)
        truth = many.read_truth(image_id)
        assert clicks is not None and truth is not None
        place = rng.integers(0, truth.shape)
        start = time.perf_counter()
        more = ClickSet(
            clicks.height,
            clicks.width,
            np.concatenate([clicks.points, place[None].astype(np.float64)]),
            np.append(clicks.class_ids, truth[tuple(place)]),
        )
        many.write_clicks(image_id, more)
        follower.say({"clicks": image_id})
        event = follower.wait_for("mask", image_id=image_id)
        read_label_png(preview_path(many.path, image_id, PROBE))
        waits.append(time.perf_counter() - start)
        fits.append(event["seconds"])
    memory = psutil.Process(follower.process.pid).memory_info().rss
    follower.end()
    return {
        "side": options.side,
        "first mask, median s": round(float(np.median(cold)), 2),
        "first mask, all s": [round(each, 2) for each in cold],
        "of it processor, median s": round(float(np.median(used)), 2),
        "first mask by the network, median s": round(float(np.median(by_network)), 2),
        "click to mask, median s": round(float(np.median(waits)), 3),
        "click to mask, p95 s": round(float(np.quantile(waits, 0.95)), 3),
        "of it in the process, median s": round(float(np.median(fits)), 3),
        "clicks": event["clicks"],
        "memory, MB": round(memory / 1e6),
    }


class Follower:
    """A `seminar probe --follow` with pipes."""

    def __init__(self, project: Path, words: list[str]) -> None:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "seminar", "probe", str(project), "--follow", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, message: dict[str, str]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def wait_for_mask(self, image_id: str) -> float:
        """Seconds from the start of the process to the next mask of this image."""
        self.say({"look": image_id})
        self.wait_for("mask", image_id=image_id)
        return time.perf_counter() - self.started

    def wait_for(self, kind: str, **facts: object) -> dict[str, Any]:
        """The next such event; "saved" comes after all other work."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event == event | {"event": kind} | facts:
                return event
        raise SystemExit("the probe ended")

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


if __name__ == "__main__":
    main()
