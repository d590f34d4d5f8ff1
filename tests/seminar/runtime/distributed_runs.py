"""What each process of `test_distributed.py` runs: torchrun starts this file, and one process
alone calls `equal_runs`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))  # for stage_runs

from stage_runs import Pooled

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.config.toml_file import load_config
from seminar.data.dataset import ClickDataset
from seminar.errors import SeminarError
from seminar.models import deeplab
from seminar.models.backbones.extractor import Features
from seminar.project.project import Project
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.runtime.distributed import is_first_process
from seminar.training import stage, trainer
from seminar.training.learner import Learner
from seminar.training.recording import record


def small_backbone(
    name: str, *, norm: str, weights: str, channels: int, load: bool = True
) -> tuple[nn.Module, Features]:
    """A backbone that takes milliseconds, below the real head with its norms and dropout."""
    return Pooled(channels), Features(half=4, quarter=4, deep=4, light=True)


Trajectory = list[tuple[str, int, Mapping[str, float]]]


def train(
    project: Project, name: str, config: TrainConfig, *, stop_at: int = 0, resume: bool = False
) -> Trajectory:
    """Losses of every iteration, by stage; new clicks come in after the second iteration."""
    run = RunFolder.of(project.path, name)
    found: Trajectory = []
    for event in record(run, trainer.train(project, run, config, resume=resume)):
        if isinstance(event, events.Step):
            found.append((event.stage, event.iteration, event.losses))
            if event.iteration == 2 and event.stage == "ancillary":
                points = np.array([[40, 36], [3, 3], [70, 60], [5, 60]])
                project.write_clicks("disc_2", ClickSet(80, 72, points, np.array([1, 0, 0, 0])))
            if len(found) == stop_at:
                run.request_stop()
    return found


def equal_runs(path: Path, config: TrainConfig) -> list[Trajectory]:
    """One run as it comes; one in which memory runs out, and which is stopped in its second
    stage and resumed.
    """
    stage.STEP_INTERVAL = stage.REFRESH_INTERVAL = 0.0
    deeplab.build_backbone = small_backbone
    plain = train(Project.open(path / "plain"), "run", config)
    project, real, failures = Project.open(path / "hurt"), Learner._place_dropout, [None]

    def runs_out(learner: Learner, first: int | None) -> None:
        if (
            learner.iteration == 1
            and failures
            and (not is_first_process() or learner._ranks.size == 1)
        ):
            failures.pop()
            raise torch.OutOfMemoryError("CUDA out of memory")
        real(learner, first)

    Learner._place_dropout = runs_out  # type: ignore[method-assign]
    hurt = train(project, "run", config, stop_at=config.iterations + 2)
    Learner._place_dropout = real  # type: ignore[method-assign]
    hurt += train(project, "run", config, resume=True)
    return [plain, hurt]


def failing_run(path: Path, config: TrainConfig) -> str:
    """What each process says when the second one cannot read an image."""
    if not is_first_process():

        def gone(*_: object) -> None:
            raise SeminarError("JPEGImages/disc_1.png: gone")

        ClickDataset.batch = gone  # type: ignore[assignment, method-assign]
    try:
        train(Project.open(path / "plain"), "failing", config)
    except SeminarError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    settings = load_config(folder / "config.toml")
    said = [equal_runs(folder, settings), failing_run(folder, settings)]
    (folder / f"said by {'first' if is_first_process() else 'second'}.json").write_text(
        json.dumps(said)
    )
