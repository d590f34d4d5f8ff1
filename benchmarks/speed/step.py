"""How much longer a training step takes than the bare student step, term by term.

    python benchmarks/speed/step.py [--json] [--device D]

As in training on the CPU, the CRF's plan is made outside the step, where a thread of the loader
makes it; its time is a figure of its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from skimage import data

from seminar.config.settings import TrainConfig, preset
from seminar.data.batch import Batch
from seminar.labels import IGNORE_INDEX
from seminar.models.build_network import build_network
from seminar.runtime import devices
from seminar.training.learner import Learner
from seminar.training.loss_settings import loss_settings
from seminar.training.objectives import LossSettings, click_objective, with_crf_plan


@dataclass(frozen=True)
class StepBench:
    """Medians over rounds; all kinds of step take turns within a round.

    Attributes
    ----------
    student_seconds : float
        Forward, backward and optimiser step of the student alone (clicks only).
    teacher_ratio, crf_ratio, ancillary_ratio : float
        Time of a step with the teacher and consistency added, with the CRF added, with both,
        against the student's, paired by round.
    plan_ratio : float
        Time to make the CRF's plan of a batch, likewise; 0 on a GPU, which makes it within the
        step.
    """

    device: str
    crop_size: int
    batch_size: int
    rounds: int
    student_seconds: float
    teacher_ratio: float
    crf_ratio: float
    ancillary_ratio: float
    plan_ratio: float


def run_step_bench(
    *, device: str = "auto", rounds: int = 9, config: TrainConfig | None = None
) -> StepBench:
    """Measure on scikit-image's photographs, with untrained weights (the time does not depend on
    them).
    """
    config = config or preset("balanced")
    where = devices.pick_device(device)
    devices.use_threads()
    torch.manual_seed(0)
    frozen = config.replace(
        weights="imagenet"
    )  # the structure of a pretrained backbone, not its weights
    network = build_network(frozen, num_classes=2, channels=3, load=False)
    learner = Learner(network, config, where)
    full = loss_settings(config, [1, 1], config.iterations - 1, 1)
    kinds = {
        "student": _without(full, "crf", "pcons"),
        "teacher": _without(full, "crf"),
        "crf": _without(full, "pcons"),
        "ancillary": full,
    }
    batch = _photographs(config)
    times: dict[str, list[float]] = {name: [] for name in ("plan", *kinds)}
    plan_settings = full if where.type == "cpu" else _without(full, "crf")
    planned = with_crf_plan(batch, plan_settings)
    for _ in range(rounds + 1):
        times["plan"].append(_seconds(lambda: with_crf_plan(batch, plan_settings), where))
        for name, settings in kinds.items():
            seconds = _seconds(
                lambda settings=settings: learner.step(  # type: ignore[misc]
                    planned,
                    lambda student, teacher, part: click_objective(
                        student, teacher, part, settings
                    ),
                    1e-6,
                ),
                where,
            )
            times[name].append(seconds)
    times = {name: values[1:] for name, values in times.items()}  # the first round warms up
    ratios = {
        name: statistics.median(
            one / base for one, base in zip(values, times["student"], strict=True)
        )
        for name, values in times.items()
    }
    return StepBench(
        device=devices.describe(where),
        crop_size=config.crop_size,
        batch_size=config.batch_size,
        rounds=rounds,
        student_seconds=statistics.median(times["student"]),
        teacher_ratio=ratios["teacher"],
        crf_ratio=ratios["crf"],
        ancillary_ratio=ratios["ancillary"],
        plan_ratio=ratios["plan"],
    )


def _without(settings: LossSettings, *terms: str) -> LossSettings:
    weights = {**settings.weights, **dict.fromkeys(terms, 0.0)}
    return dataclasses.replace(settings, weights=weights)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def _photographs(config: TrainConfig) -> Batch:
    """A batch of real pictures with a few clicks each."""
    side, count = config.crop_size, config.batch_size
    names = ("astronaut", "coffee", "rocket", "chelsea")
    pictures = [
        np.asarray(Image.fromarray(getattr(data, names[number % 4])()).resize((side, side)))
        for number in range(count)
    ]
    image = torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32))
    labels = torch.full((count, side, side), IGNORE_INDEX)
    labels[:, 3, 3], labels[:, side // 2, side // 2] = 0, 1
    valid = torch.ones(count, side, side, dtype=torch.bool)
    nothing = torch.zeros(count, 0, dtype=torch.long)
    return Batch(
        image=image,
        student_image=image,
        labels=labels,
        valid=valid,
        absent=torch.zeros(count, 2, dtype=torch.bool),
        pseudo_labels=nothing,
    )


def main(words: list[str] | None = None) -> None:
    """Print the figures, or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(words)
    figures = dataclasses.asdict(run_step_bench(device=options.device))
    lines = [
        f"{name.replace('_', ' ')}: {f'{value:.3g}' if isinstance(value, float) else value}"
        for name, value in figures.items()
    ]
    sys.stdout.write((json.dumps(figures) if options.json else "\n".join(lines)) + "\n")


if __name__ == "__main__":
    main()
