"""A probe against the random forest of benchmarks/accuracy: the same clicks, the same process.

    python benchmarks/speed/forest.py PROJECT --weights FILE [--limit 20] [--turns 3]

PROJECT has clicks and a val split (benchmarks/accuracy prepares some). Both learn from the clicks
of the first images and write masks of the val images, in turns, with one thread; imports and
reading of weights come before. Prints medians, and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from benchmarks.accuracy.peers import forest_masks
from seminar.config.probe_settings import ProbeConfig
from seminar.inference.predictor import Predictor
from seminar.io.label_png import write_label_png
from seminar.probe.once import fit_project
from seminar.probe.probe import Probe
from seminar.project.project import Project


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("project", type=Path)
    arguments.add_argument("--weights", required=True)
    arguments.add_argument("--limit", type=int, default=20)
    arguments.add_argument("--turns", type=int, default=3)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways: dict[str, Callable[[], object]] = {
            "forest": partial(
                forest_masks, options.project, folder / "forest", limit=options.limit, seed=0
            ),
            "probe": partial(probe_masks, options.project, folder, options.weights, options.limit),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(options.turns + 1):  # the first one imports
            for name, way in ways.items():
                start = time.monotonic()
                way()
                if turn:
                    seconds[name].append(time.monotonic() - start)
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    print({name: round(each, 2) for name, each in medians.items()})
    print(f"ratio {medians['probe'] / medians['forest']:.2f}")


def probe_masks(path: Path, folder: Path, weights: str, limit: int) -> None:
    """Features, fit and masks of the val images by a probe, without a store of features."""
    project = Project.open(path)
    probe = Probe(project, ProbeConfig(weights=weights))
    fit_project(probe, split="train", limit=limit, out=folder / "model")
    predictor = Predictor.from_folder(folder / "model", "cpu")
    for image_id in project.split("val") or ():
        labels = predictor.predict(project.read_image(image_id))
        write_label_png(folder / f"{image_id}.png", labels, project.classes, durable=False)


if __name__ == "__main__":
    main()
