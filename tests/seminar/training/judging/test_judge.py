"""Networks are compared by dense truth, or else by how steady their masks are."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.project.project import Project
from seminar.runtime.distributed import ALONE
from seminar.training.inputs import read_inputs
from seminar.training.judging import judge as judging
from seminar.training.judging.judge import STEADINESS, TRUTH, Judge, Steadiness


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
    assert judge.measure == (TRUTH if truth else STEADINESS)
    levels = {"good": 130.0, "nothing": 300.0, "everything": -300.0}
    scores = {name: judge.score(Threshold(level)) for name, level in levels.items()}
    assert scores["good"] > 0.3
    assert scores["good"] > 2 * scores["nothing"]
    assert scores["good"] > 2 * scores["everything"]
    if not truth:
        assert scores["nothing"] == scores["everything"] == 0


def tally(*, wrong: int) -> Steadiness:
    """Twenty clicks on the left half, class 0, and on the right, class 1; so many of 1 are wrong.

    In another light a quarter of class 1 becomes 0: IoU .8 and .75.
    """
    labels = np.zeros((20, 40), dtype=np.uint8)
    labels[:, 20:] = 1
    seen = labels.copy()
    seen[:, 20:25] = 0
    rows = np.tile(np.arange(20.0), 2)
    cols = np.repeat([5.0, 30.0], 20)
    cols[20 : 20 + wrong] = 10.0
    found = Steadiness(3)
    found.add_clicks(labels, ClickSet(20, 40, np.stack([rows, cols], axis=1), np.arange(40) // 20))
    found.add_view(labels, seen)
    return found


def test_masks_that_change_in_another_light_are_worse() -> None:
    assert tally(wrong=0).score() == pytest.approx((0.8 + 0.75) / 2)


def test_clicks_count_from_guessing_up_to_a_share() -> None:
    """Of two classes .5 is guessing and .8 enough; the recall is 1 less a fortieth a wrong one."""
    assert tally(wrong=8).recall() == pytest.approx(0.8)
    assert tally(wrong=8).score() == pytest.approx(tally(wrong=0).score())
    assert tally(wrong=14).score() == pytest.approx(0.5 * tally(wrong=0).score())
    assert tally(wrong=20).score() == 0


def test_a_class_that_is_never_drawn_counts_as_nothing() -> None:
    found = Steadiness(2)
    labels = np.zeros((4, 4), dtype=np.uint8)
    found.add_clicks(labels, ClickSet(4, 4, np.array([[0.0, 0], [1, 1]]), np.array([0, 1])))
    found.add_view(labels, labels)
    assert found.steadiness() == 0.5
    assert found.score() == 0


def test_a_few_images_are_seen_in_several_lights(
    tiny_project: Project, tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    def noted(image: Any, image_id: str, view: int) -> Tensor:
        seen.append((image_id, view))
        return torch.from_numpy(image)

    monkeypatch.setattr(judging, "other_light", noted)
    judge = judge_of(tiny_project, tiny_config, truth=False)
    assert judge.score(Threshold(130.0)) == 1  # the same light
    ids = tiny_project.image_ids()
    assert len(ids) == 4
    assert sorted(seen) == sorted((each, view) for each in ids for view in range(3))


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
