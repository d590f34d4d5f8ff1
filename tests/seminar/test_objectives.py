"""The objectives' terms, made in the step or ahead of it."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from seminar.config import preset
from seminar.dataset import Batch
from seminar.labels import IGNORE_INDEX
from seminar.models.deeplab import build_network
from seminar.objectives import LossSettings, click_objective, with_crf_plan
from seminar.trainer import loss_settings


@pytest.fixture
def settings() -> LossSettings:
    config = preset("quick").replace(crop_size=64, crf_landmarks=64)
    return dataclasses.replace(loss_settings(config, 2, config.iterations - 1, 1), lambda_pcons=0.0)


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    image = torch.nn.functional.interpolate(torch.rand(3, 3, 8, 8, generator=generator) * 255, size=(64, 64))
    labels = torch.full((3, 64, 64), IGNORE_INDEX)
    labels[:, 5, 5], labels[:, 40, 40] = 0, 1
    valid = torch.ones(3, 64, 64, dtype=torch.bool)
    valid[1, 50:] = False
    return Batch(
        image=image,
        student_image=image,
        labels=labels,
        valid=valid,
        absent=torch.zeros(3, 2, dtype=torch.bool),
        pseudo_labels=torch.zeros(3, 0),
    )


@pytest.mark.parametrize("normalize", [True, False])
def test_a_plan_made_ahead_changes_neither_loss_nor_gradient(
    settings: LossSettings, batch: Batch, normalize: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(settings, crf_normalize=normalize)
    torch.manual_seed(0)
    network = build_network(preset("quick").replace(weights="none"), num_classes=2, channels=3).eval()

    def of_part(whole: Batch) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        term = click_objective(network, network, whole.part(1, 3), settings).terms["crf"]
        return term, torch.autograd.grad(term, list(network.head_parameters()))

    planned = with_crf_plan(batch, settings)
    assert planned.crf_plan is not None
    within = of_part(batch)
    monkeypatch.setattr("seminar.losses.dense_crf.loss.plan_nystrom", None)  # not made a second time
    ahead = of_part(planned)
    assert within[0] > 0
    assert torch.equal(ahead[0], within[0])
    for one, other in zip(ahead[1], within[1], strict=True):
        assert torch.equal(one, other)


def test_no_plan_is_made_where_none_is_used(settings: LossSettings, batch: Batch) -> None:
    assert with_crf_plan(batch, dataclasses.replace(settings, lambda_crf=0.0)).crf_plan is None
    assert with_crf_plan(batch, dataclasses.replace(settings, crf_method="lattice")).crf_plan is None


@pytest.mark.parametrize(
    ("changes", "num_classes", "form", "share"),
    [
        ({}, 2, "bilinear", 1.0),
        ({}, 8, "quadratic", 0.25),
        ({"crf_relaxation": "bilinear"}, 8, "bilinear", 1.0),
        ({"crf_relaxation": "quadratic"}, 8, "quadratic", 1.0),
        ({"crf_normalize": False, "convention": "paper"}, 21, "bilinear", 1.0),
    ],
)
def test_the_crf_of_many_classes_is_gentler(
    changes: dict[str, object], num_classes: int, form: str, share: float
) -> None:
    config = preset("balanced").replace(**changes)
    settings = loss_settings(config, num_classes, config.iterations - 1, 1)
    assert settings.crf_relaxation == form
    assert settings.lambda_crf == pytest.approx(share * config.lambda_crf)
