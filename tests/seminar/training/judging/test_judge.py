"""Networks are compared by dense truth, or else by clicks and edges."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seminar.config.settings import TrainConfig
from seminar.project.project import Project
from seminar.runtime.distributed import ALONE
from seminar.training.inputs import read_inputs
from seminar.training.judging import judge as judging
from seminar.training.judging.judge import CLICKS_AND_EDGES, TRUTH, Judge


class Threshold(nn.Module):
    """Brighter than `level` is class 1; `level` 300 makes everything the background."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def forward(self, image: Tensor) -> Tensor:
        grey = image.mean(dim=1, keepdim=True)
        return torch.cat([torch.zeros_like(grey), grey - self.level], dim=1)


def judge_of(project: Project, config: TrainConfig, *, truth: bool) -> Judge:
    if truth:
        folder = project.path / "ImageSets" / "Segmentation"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "val.txt").write_text("\n".join(project.image_ids()) + "\n")
    else:
        shutil.rmtree(project.path / "SegmentationClass", ignore_errors=True)
    config = config.replace(validations=1 if truth else 0)
    inputs = read_inputs(project, config, ALONE)
    return Judge(project, config, inputs, torch.device("cpu"))


@pytest.mark.parametrize("truth", [True, False])
def test_the_better_mask_has_the_higher_score(
    tiny_project: Project, tiny_config: TrainConfig, truth: bool
) -> None:
    """The discs are bright. Too large, too small, nothing, everything: all are worse."""
    judge = judge_of(tiny_project, tiny_config, truth=truth)
    assert judge.measure == (TRUTH if truth else CLICKS_AND_EDGES)
    levels = {"good": 130.0, "nothing": 300.0, "everything": -300.0}
    scores = {name: judge.score(Threshold(level)) for name, level in levels.items()}
    assert scores["good"] > 0.3
    assert scores["good"] > 2 * scores["nothing"]
    assert scores["good"] > 2 * scores["everything"]
    if not truth:
        assert scores["nothing"] == scores["everything"] == 0


def test_clicks_count_up_to_a_share(
    tiny_project: Project, tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With edges that always fit .5: half of the clicks right of .9 that are enough."""

    class Fits:
        def __init__(self, image: Any) -> None:
            assert image.dtype == np.float32

        def fit(self, labels: Any) -> float:
            return 0.5

    monkeypatch.setattr(judging, "Edges", Fits)
    judge = judge_of(tiny_project, tiny_config, truth=False)
    assert judge.score(Threshold(300.0)) == pytest.approx(0.5 * 0.5 / 0.9)
    assert judge.score(Threshold(130.0)) == pytest.approx(0.5)


def test_of_large_images_few_are_looked_at(
    tiny_project: Project, tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, ...]] = []

    def evaluate(_: Any, __: Any, *, image_ids: tuple[str, ...]) -> Any:
        seen.append(image_ids)
        return type("Scores", (), {"mean_iou": 0.5})

    monkeypatch.setattr(judging, "evaluate", evaluate)
    ids = tiny_project.image_ids()
    height, width = tiny_project.image_size(ids[0])
    for room, expected in ((4, ids), (2, (ids[0], ids[2])), (0, ids[:1])):
        monkeypatch.setattr(judging, "PIXELS", room * height * width)
        judge_of(tiny_project, tiny_config, truth=True).score(Threshold(0.0))
        assert seen[-1] == expected


def test_a_network_keeps_its_mode(tiny_project: Project, tiny_config: TrainConfig) -> None:
    judge = judge_of(tiny_project, tiny_config, truth=False)
    network = Threshold(130.0).train()
    judge.score(network)
    assert network.training
