"""Runs of small networks: their passes, steps, weights and events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seminar.config.settings import TrainConfig
from seminar.data.batch import Batch
from seminar.models.checkpoint import load_checkpoint
from seminar.project.project import Project
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.training.learner import Learner, Objective
from seminar.training.trainer import train

SIDE = 32


class Pooled(nn.Module):
    """A backbone of one 1x1 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, 4, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        mixed = self.mix(image)
        return {
            name: F.avg_pool2d(mixed, stride)
            for name, stride in (("half", 2), ("quarter", 4), ("deep", 16))
        }


@dataclass(frozen=True)
class Pass:
    """A batch that went through a network."""

    image: Tensor
    weight: Tensor
    """Of the network's last layer."""
    is_training: bool
    learns: bool
    seed: int
    """Of torch's generator, from which dropout draws."""


@dataclass(frozen=True)
class Given:
    """What one step was given."""

    batch: Batch
    objective: Objective
    lr: float


def learn_nothing(
    monkeypatch: pytest.MonkeyPatch, losses: Mapping[str, float], taken: list[Given]
) -> None:
    """Steps that compute nothing and have these losses."""

    def step(
        self: Learner, batch: Batch, objective: Objective, lr: float, *_: object
    ) -> Mapping[str, float]:
        taken.append(Given(batch, objective, lr))
        self.iteration += 1
        return losses

    monkeypatch.setattr(Learner, "step", step)


def run_of(project: Project, name: str = "run") -> RunFolder:
    return RunFolder.of(project.path, name)


def state(run: RunFolder, stage: str, network: str) -> dict[str, Tensor]:
    """Weights of a stage's student or teacher, from its checkpoint."""
    content, _ = load_checkpoint(run.checkpoint_path(stage))
    assert content is not None
    return {
        name.removeprefix("module."): value
        for name, value in content[network].items()
        if name != "n_averaged"
    }


def last_layer(run: RunFolder, stage: str, network: str) -> Tensor:
    return state(run, stage, network)["classify.weight"]


def is_any(weight: Tensor, of: Iterable[Tensor]) -> bool:
    return any(torch.equal(weight, other) for other in of)


def write_split(project: Project, name: str, *image_ids: str) -> None:
    folder = project.path / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text("\n".join(image_ids) + "\n")


def told(
    project: Project, config: TrainConfig, name: str = "run", *, resume: bool = False
) -> list[events.Event]:
    """All events of a run but previews, which come as time allows."""
    stream = train(project, run_of(project, name), config, resume=resume)
    return [event for event in stream if not isinstance(event, events.Preview)]
