"""kill -9 of the trainer at random moments, and resume: are the final weights those of a run that
nobody killed?

Two stages on a tiny project, checkpoints as often as they can be had. Each trial starts or resumes
the trainer in a process of its own, kills it after a random event and a random delay, and resumes
in the next one; a run that ends is compared, bit for bit, with the uninterrupted one, and the next
run begins.

    python benchmarks/soak/run_kills.py --kills 50 --record soak/run_kills.jsonl
"""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from records import Outcome, arguments, keep_trying, machine

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig, preset
from seminar.errors import SeminarError
from seminar.labels import ClassNames
from seminar.models.checkpoint import load_checkpoint, load_model
from seminar.project.project import Project
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.training import saving, stage
from seminar.training.recording import record
from seminar.training.trainer import train

STAGES = ("ancillary", "primary")


def make_project(folder: Path) -> Project:
    """Three small images of noise with a click of each class."""
    source = folder / "images"
    source.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(
            source / f"noise_{number}.png"
        )
    project = Project.create(
        folder / "project", sorted(source.iterdir()), ClassNames.of("background", "cell")
    )
    for image_id in project.image_ids():
        project.write_clicks(image_id, ClickSet(64, 64, rng.uniform(0, 63, (2, 2)), [0, 1]))
    return project


def settings(iterations: int) -> TrainConfig:
    """As small as it gets, all losses on; a network that starts at random."""
    return preset("quick").replace(
        start="random",
        backbone="mobilenet_v2",
        weights="none",
        crop_size=32,
        batch_size=2,
        iterations=iterations,
        validations=0,
        device="cpu",
        crf_landmarks=32,
        lambda_pcons=1.0,
    )


def go_on(run: RunFolder, config: TrainConfig, parent: Connection | None) -> None:
    """Train, from the start or from where it was killed; runs in a process of its own."""
    saving.CHECKPOINT_INTERVAL, saving.MAX_CHECKPOINT_SHARE, stage.STEP_INTERVAL = 0.0, 1e9, 0.0
    torch.set_num_threads(1)
    resume = run.config_path.exists()
    project = Project.open(run.project)
    stream = record(
        run, train(project, run, run.read_config() if resume else config, resume=resume)
    )
    for event in stream:
        if parent is not None:
            parent.send(
                (
                    type(event).__name__,
                    getattr(event, "message", ""),
                    getattr(event, "iteration", -1),
                )
            )


def in_a_process(
    context: Any, run: RunFolder, config: TrainConfig, *, kill_after: int = 0, delay: float = 0.0
) -> Outcome:
    """Go on with a run; killed `delay` seconds after so many events, where that is not 0 and the
    run goes on so long.
    """
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=go_on, args=(run, config, there), daemon=True)
    process.start()
    there.close()
    seen: list[tuple[str, str, int]] = []
    with contextlib.suppress(EOFError, OSError):
        while True:
            seen.append(here.recv())
            if len(seen) == kill_after:
                time.sleep(delay)
                process.kill()
    process.join()
    return {
        "exit": process.exitcode,
        "reached": max((iteration for _, _, iteration in seen), default=-1),
        "finished": any(kind == "Finished" for kind, _, _ in seen),
        "warned": [message for kind, message, _ in seen if kind == "Warned"],
    }


def weights(run: RunFolder) -> list[torch.Tensor]:
    """Everything that was learnt, in both stages."""
    found = list(load_model(run.path).network.state_dict().values())
    for name in STAGES:
        content, faults = load_checkpoint(run.checkpoint_path(name))
        assert content is not None
        assert not faults
        found += [*content["student"].values(), *content["teacher"].values()]
    return found


class Trials:
    """One uninterrupted run, and others that are killed over and over."""

    def __init__(self, folder: Path, iterations: int, seed: int) -> None:
        self.project = make_project(folder)
        self.config = settings(iterations)
        self._seed = seed
        self._context = multiprocessing.get_context("fork")  # torch is imported once
        self._whole = RunFolder.of(self.project.path, "whole")
        assert in_a_process(self._context, self._whole, self.config)["finished"]
        self._number = 0

    def kill(self, number: int) -> Outcome:
        """One kill; runs that finish before it are compared and replaced by the next."""
        rng = random.Random(f"{self._seed}.{number}")
        compared, different = 0, 0
        while True:
            run = RunFolder.of(self.project.path, f"killed-{self._number}")
            outcome = in_a_process(
                self._context,
                run,
                self.config,
                kill_after=rng.randint(1, 14),
                delay=rng.choice((0, rng.uniform(0, 0.4))),
            )
            if outcome["exit"] == -9:
                return outcome | {
                    "compared": compared,
                    "different": different,
                    "unusable": unusable(run),
                }
            assert outcome["exit"] == 0, outcome
            compared += 1
            different += not self.is_same(run)
            run.remove()
            self._number += 1

    def last(self) -> Outcome:
        """Resume the run that was killed last, to its end."""
        run = RunFolder.of(self.project.path, f"killed-{self._number}")
        outcome = in_a_process(self._context, run, self.config)
        assert outcome["finished"], outcome
        return outcome | {"compared": 1, "different": int(not self.is_same(run)), "unusable": ""}

    def is_same(self, run: RunFolder) -> bool:
        """Whether a run learnt what the uninterrupted one did, bit for bit."""
        return all(
            torch.equal(one, other)
            for one, other in zip(weights(self._whole), weights(run), strict=True)
        )


def unusable(run: RunFolder) -> str:
    """Why a killed run cannot be resumed or followed; empty where it can."""
    try:
        for stage in STAGES:
            load_checkpoint(run.checkpoint_path(stage))
        if run.model_path.exists():
            load_model(run.path)
        kinds = [type(event) for event, _, _ in run.read_events()]
        if run.config_path.exists() and kinds and kinds[0] is not events.Started:
            return f"the first event is {kinds[0].__name__}"
        return "the dead process counts as alive" if run.is_alive() else ""
    except SeminarError as error:
        return str(error)


def run_trials(
    kills: int, *, iterations: int, seed: int = 0, record: Path | None = None
) -> list[Outcome]:
    """Kill so many times; one outcome each, and one of the last run's end."""
    with tempfile.TemporaryDirectory(prefix="seminar-runs-") as folder:
        trials = Trials(Path(folder), iterations, seed)
        return [*keep_trying(trials.kill, count=kills, record=record), trials.last()]


if __name__ == "__main__":
    parser = arguments(__doc__ or "", "kills", 50)
    parser.add_argument(
        "--iterations", type=int, default=12, help="optimiser steps of each of the two stages"
    )
    options = parser.parse_args()
    outcomes = run_trials(
        options.kills, iterations=options.iterations, seed=options.seed, record=options.record
    )
    print(machine())
    print(f"{sum(outcome['exit'] == -9 for outcome in outcomes)} kills")
    for key in ("compared", "different"):
        print(f"runs {key}: {sum(outcome[key] for outcome in outcomes)}")
    print(
        "unusable after a kill:"
        f" {[outcome['unusable'] for outcome in outcomes if outcome['unusable']]}"
    )
    print(f"checkpoints passed over: {sum(len(outcome['warned']) for outcome in outcomes)}")
