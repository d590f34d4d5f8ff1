"""Scores during a run, and the warning about clicks that are hardly learnt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from stage_runs import (
    Given,
    Pass,
    learn_nothing,
    run_of,
    told,
    write_split,
)
from torch.nn import functional as F

from seminar.config.settings import TrainConfig
from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar.run import events
from seminar.training.learner import Learner
from seminar.training.trainer import train

pytestmark = pytest.mark.usefixtures("small_networks", "every_step_is_reported")


def test_both_networks_are_scored_on_the_first_images_that_have_truth(
    tiny_project: Project, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(self: Learner, *_: object) -> Mapping[str, float]:
        """The student comes to say disc everywhere, the teacher background."""
        self.iteration += 1
        for network, class_id in ((self.student, 1), (self.teacher.module, 0)):
            network.classify.weight.detach().zero_()
            network.classify.bias.detach().copy_(9 * F.one_hot(torch.tensor(class_id), 2))
        return {"pce": 0.1, "total": 0.1}

    monkeypatch.setattr(Learner, "step", step)
    write_split(tiny_project, "val", "disc_3", "disc_1", "disc_0", "disc_2")
    tiny_project.truth_path("disc_3").unlink()
    truths = [tiny_project.read_truth(image_id) for image_id in ("disc_1", "disc_0")]
    disc = float(np.mean([truth == 1 for truth in truths if truth is not None]))
    seen = told(tiny_project, config.replace(validations=1, validation_images=2, losses=("pce",)))
    student, teacher = (event for event in seen if isinstance(event, events.Validated))
    assert (student.network, student.images, teacher.network, teacher.images) == (
        "student",
        2,
        "teacher",
        2,
    )
    assert student.per_class_iou == pytest.approx({"background": 0.0, "disc": disc})
    assert teacher.per_class_iou == pytest.approx({"background": 1 - disc, "disc": 0.0})
    assert (student.mean_iou, teacher.mean_iou) == pytest.approx((disc / 2, (1 - disc) / 2))


@pytest.mark.parametrize(
    ("validations", "expected"), [(0, []), (1, [7]), (3, [2, 5, 7]), (7, [1, 2, 3, 4, 5, 6, 7])]
)
def test_scores_are_spread_evenly_over_a_stage(
    tiny_project: Project,
    config: TrainConfig,
    given: list[Given],
    validations: int,
    expected: list[int],
) -> None:
    write_split(tiny_project, "val", "disc_3")
    seen = told(
        tiny_project, config.replace(iterations=7, validations=validations, losses=("pce",))
    )
    found = [event.iteration for event in seen if isinstance(event, events.Validated)]
    assert found == [iteration for iteration in expected for _ in ("student", "teacher")]


def test_a_mask_that_is_damaged_leaves_the_modes_as_they_were(
    tiny_project: Project, config: TrainConfig, passes: list[Pass]
) -> None:
    write_split(tiny_project, "val", "disc_3")
    for event in train(
        tiny_project, run_of(tiny_project), config.replace(validations=3, losses=("pce", "pcons"))
    ):
        if isinstance(event, events.StageStarted):
            tiny_project.truth_path("disc_3").write_bytes(b"no PNG")
    assert [(each.learns, each.is_training) for each in passes] == [
        (True, True),
        (False, False),
    ] * 3


def project_of(project: Project, path: Path, *classes: str) -> Project:
    """The same images and clicks with other classes."""
    images = [project.image_path(image_id) for image_id in project.image_ids()]
    other = Project.create(path, images, ClassNames.of(*classes))
    for image_id in project.image_ids():
        clicks = project.read_clicks(image_id)
        assert clicks is not None
        other.write_clicks(image_id, clicks)
    return other


@pytest.mark.parametrize(
    ("classes", "changes", "limit", "remedy"),
    [
        (("a", "b"), {}, 0.8 * math.log(2), "quadratic"),
        (("a", "b"), {"crf_relaxation": "quadratic"}, 0.8 * math.log(2), ""),
        (("a", "b", "c"), {}, 0.8 * math.log(3), ""),
        (
            ("a", "b"),
            {"convention": "paper", "crf_normalize": False},
            0.8 * math.log(2) / 2,
            "quadratic",
        ),
        (("a", "b"), {"losses": ("pce",)}, math.inf, ""),
    ],
)
@pytest.mark.parametrize("side", [0.99, 1.01])
def test_half_way_clicks_that_are_hardly_learnt_are_told(
    tiny_project: Project,
    config: TrainConfig,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    classes: tuple[str, ...],
    changes: dict[str, object],
    limit: float,
    remedy: str,
    side: float,
) -> None:
    monkeypatch.setattr("seminar.training.clock.RECENT", 2)
    loss = side * limit if math.isfinite(limit) else 10.0
    learn_nothing(monkeypatch, {"pce": loss, "total": 10.0}, [])
    plain = {"losses": ("pce", "crf"), "iterations": 6, "crf_method": "exact"}
    project = project_of(tiny_project, tmp_path / "classes", *classes)
    seen = told(project, config.replace(**plain | changes))
    kinds = [type(event).__name__ for event in seen]
    warned = [event.message for event in seen if isinstance(event, events.Warned)]
    if loss < limit:
        assert warned == []
        return
    assert kinds.index("Warned") == kinds.index("Step") + 2  # before the third of six steps is told
    (sentence,) = warned
    assert "--lambda-crf (now 20)" in sentence
    assert ("--crf-relaxation quadratic" in sentence) is bool(remedy)
