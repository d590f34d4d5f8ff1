"""Fixtures of runs that take milliseconds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from seminar.config.settings import TrainConfig
from seminar.models.backbones.extractor import Features
from seminar.models.deeplab import DeepLabV3Plus

sys.path.insert(0, str(Path(__file__).parent))  # for stage_runs

from stage_runs import SIDE, Given, Pass, Pooled, learn_nothing


@pytest.fixture
def config(tiny_config: TrainConfig) -> TrainConfig:
    """A run of small crops whose teacher is asked from the first step on."""
    return tiny_config.replace(crop_size=SIDE, iterations=3, pcons_ramp=0.0, crf_landmarks=32)


@pytest.fixture
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that take milliseconds."""

    def build(
        name: str, *, norm: str, weights: str, channels: int, load: bool = True
    ) -> tuple[nn.Module, Features]:
        return Pooled(channels), Features(half=4, quarter=4, deep=4, light=True)

    monkeypatch.setattr("seminar.models.deeplab.build_backbone", build)


@pytest.fixture
def every_step_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seminar.training.stage.STEP_INTERVAL", 0.0)
    monkeypatch.setattr("seminar.training.stage.REFRESH_INTERVAL", 0.0)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[Pass]:
    """The training crops that go through any network, in order; whole images, of previews and
    scores, are left out.
    """
    seen: list[Pass] = []
    forward = DeepLabV3Plus.forward

    def noted(self: DeepLabV3Plus, image: Tensor) -> Tensor:
        if image.shape[-1] == SIDE:
            weight = self.classify.weight
            seen.append(
                Pass(
                    image.clone(),
                    weight.detach().clone(),
                    self.training,
                    weight.requires_grad,
                    torch.initial_seed(),
                )
            )
        return forward(self, image)

    monkeypatch.setattr(DeepLabV3Plus, "forward", noted)
    return seen


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Given]:
    """What each step was given; the steps themselves compute nothing."""
    taken: list[Given] = []
    learn_nothing(monkeypatch, {"pce": 0.1, "total": 0.1}, taken)
    return taken
