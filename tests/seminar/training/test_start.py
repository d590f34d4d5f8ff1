"""A run that starts at the probe of its clicks, and never ends below it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.models.backbones.inverted_residuals import RECIPES, InvertedResiduals
from seminar.models.build_network import build_network
from seminar.models.build_probe import probe_settings
from seminar.models.checkpoint import load_model
from seminar.models.presence import SHARE, SURE
from seminar.models.refined_probe import RefinedProbe
from seminar.probe.probe import Probe
from seminar.probe.self_training import Presences, self_train
from seminar.project.project import Project
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.training.start import Start
from seminar.training.trainer import train


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights that are the same at every start, of an EfficientNet-Lite0 with one block a stage."""
    whole = RECIPES["efficientnet_lite0"]
    small = replace(whole, stages=tuple(replace(stage, blocks=1) for stage in whole.stages))
    monkeypatch.setitem(RECIPES, "efficientnet_lite0", small)  # type: ignore[arg-type]
    monkeypatch.setattr("seminar.probe.self_training.PIXELS", 1000)
    monkeypatch.setattr("seminar.training.judging.judge.LOOKS", 2)
    torch.manual_seed(0)
    path = tmp_path / "lite0.pt"
    torch.save(InvertedResiduals(RECIPES["efficientnet_lite0"]).state_dict(), path)
    return path


@pytest.fixture
def config(tiny_config: TrainConfig, weights: Path) -> TrainConfig:
    return tiny_config.replace(
        start="probe",
        keep_best=True,
        backbone="efficientnet_lite0",
        weights=str(weights),
        crf_landmarks=16,
    )


def told(
    project: Project, config: TrainConfig, name: str = "run", *, resume: bool = False
) -> list[events.Event]:
    return list(train(project, RunFolder.of(project.path, name), config, resume=resume))


def start_of(
    project: Project, config: TrainConfig
) -> tuple[Mapping[str, torch.Tensor], list[events.Event]]:
    """The weights at which a run would start, and what it would say meanwhile."""
    start = Start(project, config, project.image_ids(), others=(), device=torch.device("cpu"))
    said, stream = [], start.weights()
    while True:
        try:
            said.append(next(stream))
        except StopIteration as end:
            return end.value, said


def test_the_weights_are_those_of_the_probe(tiny_project: Project, config: TrainConfig) -> None:
    """The network that they are loaded into predicts what the probe does."""
    ids = tiny_project.image_ids()
    network = build_network(config, num_classes=2, channels=3)
    assert isinstance(network, RefinedProbe)
    found, told_of = start_of(tiny_project, config)
    assert told_of == [
        *(events.StartLearnt(part="features", images=each, of=4) for each in range(4)),
        *(events.StartLearnt(part="masks", images=each, of=4) for each in range(5)),
    ]
    network.load_state_dict(found, strict=False)
    probe = Probe(tiny_project, probe_settings(config))
    for image_id in ids:
        probe.learn(image_id)
    assert probe.fit()
    assert list(self_train(probe))
    image = torch.from_numpy(probe.image(ids[0]))[None]
    with torch.no_grad():
        labels = network.eval()(image)[0].argmax(dim=0)
    assert np.mean(labels.numpy() != probe.predict(ids[0]).labels) < 1e-3  # kept in float16
    assert 0 < labels.float().mean() < 1


def test_what_was_learnt_of_whole_images_is_in_the_network(
    tiny_project: Project, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = build_network(config, num_classes=2, channels=3)
    assert isinstance(network, RefinedProbe)
    weight = np.zeros(tuple(network.presence.weight.shape), dtype=np.float32)
    rare = weight, np.array([SURE, 0.0], dtype=np.float32)
    monkeypatch.setattr("seminar.training.start.self_train", partial(_finished, rare))
    network.load_state_dict(start_of(tiny_project, config)[0], strict=False)
    network.eval()
    image = 255 * torch.rand(1, 3, 40, 60)
    with torch.no_grad():
        more = network(image) - network.probe(image)
    torch.testing.assert_close(more[:, 0], torch.zeros_like(more[:, 0]))
    torch.testing.assert_close(more[:, 1], torch.full_like(more[:, 1], SHARE * np.log(0.5)))


def _finished(presences: Presences, *_: object) -> Generator[tuple[int, int], None, Presences]:
    yield 1, 1
    return presences


def test_clicks_of_one_class_start_at_zero(tiny_project: Project, config: TrainConfig) -> None:
    ids = tiny_project.image_ids()
    for image_id in ids:
        clicks = tiny_project.read_clicks(image_id)
        assert clicks is not None
        kept = clicks.class_ids != 0
        tiny_project.write_clicks(
            image_id,
            ClickSet(clicks.height, clicks.width, clicks.points[kept], clicks.class_ids[kept]),
        )
    found, _ = start_of(tiny_project, config)
    assert found == {}


def test_an_image_without_clicks_is_learnt_from_too(
    tiny_project: Project, config: TrainConfig
) -> None:
    first, *_ = tiny_project.image_ids()
    tiny_project.write_clicks(first, ClickSet(*tiny_project.image_size(first)))
    learnt = [each for each in told(tiny_project, config) if isinstance(each, events.StartLearnt)]
    assert {(each.part, each.of) for each in learnt} == {("features", 3), ("masks", 4)}


def test_every_network_is_judged_and_the_best_is_the_model(
    tiny_project: Project, config: TrainConfig
) -> None:
    found = told(tiny_project, config)
    judged = [event for event in found if isinstance(event, events.Judged)]
    assert [(event.stage, event.network) for event in judged] == [
        ("probe", "student"),
        ("ancillary", "student"),
        ("ancillary", "teacher"),
        ("primary", "student"),
        ("primary", "teacher"),
    ]
    best = max(judged, key=lambda event: event.score)
    assert best.is_best and not any(
        event.is_best for event in judged[judged.index(best) + 1 :]
    )  # the first of equal ones
    run = RunFolder.of(tiny_project.path, "run")
    model = load_model(run.path)
    assert model.config == config and "Apache-2.0" in model.credits
    if (best.stage, best.network) == ("primary", "student"):
        last = load_model(run.student_path("primary")).network.state_dict()
        for name, value in model.network.state_dict().items():
            assert torch.equal(last[name], value)


def test_a_learning_rate_that_ruins_everything_leaves_the_probe(
    tiny_project: Project, config: TrainConfig
) -> None:
    """No stage can be worse than what came before it."""
    found = told(tiny_project, config.replace(base_lr=3.0, lr_warmup=0.0, losses=("pce", "pseudo")))
    judged = {
        (event.stage, event.network): event for event in found if isinstance(event, events.Judged)
    }
    assert judged["probe", "student"].is_best
    assert not judged["primary", "student"].is_best
    model = load_model(RunFolder.of(tiny_project.path, "run").path).network.state_dict()
    start, _ = start_of(tiny_project, config)
    for name, value in start.items():
        assert torch.equal(model[name], value)


def test_a_run_stopped_again_and_again_ends_with_the_same_model(
    tiny_project: Project, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit: before its first step, where the rest of the start is learnt on resuming, and in
    the middle of the first stage.
    """
    whole = told(tiny_project, config, "whole")
    monkeypatch.setattr("seminar.training.stage.STEP_INTERVAL", 0.0)
    run = RunFolder.of(tiny_project.path, "parts")
    for last in train(tiny_project, run, config):
        if isinstance(last, events.StartLearnt) and last.part == "masks":
            assert last.images < 2
            run.request_stop()
    assert isinstance(last, events.Finished)
    assert (last.reason, last.iteration) == ("stopped", 0)
    for last in train(tiny_project, run, config, resume=True):
        if isinstance(last, events.Step) and last.iteration == 2:
            run.request_stop()
    assert isinstance(last, events.Finished) and last.reason == "stopped"
    rest = told(tiny_project, config, "parts", resume=True)
    for model in (
        lambda run: run.path,
        lambda run: run.student_path("ancillary"),
        lambda run: run.student_path("primary"),
    ):
        first, second = (
            load_model(model(RunFolder.of(tiny_project.path, name))).network.state_dict()
            for name in ("whole", "parts")
        )
        assert all(torch.equal(first[name], value) for name, value in second.items())
    last_scores = [event.score for event in whole if isinstance(event, events.Judged)][-2:]
    assert [event.score for event in rest if isinstance(event, events.Judged)][-2:] == last_scores
