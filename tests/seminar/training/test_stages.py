"""A run from stage to stage: who sees what in which mode, from which seed, with which weight,
and what is told and kept.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig, preset
from seminar.data.batch import Batch
from seminar.data.dataset import ClickDataset
from seminar.labels import ClassNames
from seminar.models.backbones.extractor import Features
from seminar.models.checkpoint import load_checkpoint, load_model
from seminar.models.deeplab import DeepLabV3Plus
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


@pytest.fixture
def config(tiny_config: TrainConfig) -> TrainConfig:
    """A run of small crops whose teacher is asked from the first step on."""
    return tiny_config.replace(crop_size=SIDE, iterations=3, pcons_ramp=0.0, crf_landmarks=32)


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that take milliseconds."""

    def build(
        name: str, *, norm: str, weights: str, channels: int, load: bool = True
    ) -> tuple[nn.Module, Features]:
        return Pooled(channels), Features(half=4, quarter=4, deep=4, light=True)

    monkeypatch.setattr("seminar.models.deeplab.build_backbone", build)


@pytest.fixture(autouse=True)
def every_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
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


# who sees what


@pytest.mark.parametrize("strong", [True, False])
def test_the_student_learns_from_its_view_and_the_others_judge_the_plain_one(
    tiny_project: Project, config: TrainConfig, passes: list[Pass], strong: bool
) -> None:
    config = config.replace(strong_augmentation=strong, validations=3, val_split="train")
    write_split(tiny_project, "train", *tiny_project.image_ids())  # scored after every step
    list(train(tiny_project, run_of(tiny_project), config))
    dataset = ClickDataset(tiny_project, config, tiny_project.image_ids())
    first, second = passes[: 3 * 2], passes[3 * 2 :]
    assert len(second) == 3 * 3
    for stage, (seen, networks) in enumerate(((first, 2), (second, 3))):
        for iteration in range(3):
            batch = dataset.batch(stage, iteration)
            at_once = seen[networks * iteration : networks * (iteration + 1)]
            (student,) = [each for each in at_once if each.learns]
            assert student.is_training
            assert torch.equal(student.image, batch.student_image)
            assert torch.equal(student.image, batch.image) is not strong
            for other in at_once:
                if other is not student:
                    assert not other.is_training
                    assert torch.equal(other.image, batch.image)


def test_the_paper_knows_one_view_alone(
    tiny_project: Project, config: TrainConfig, passes: list[Pass]
) -> None:
    paper = preset("paper").replace(
        **{
            name: getattr(config, name)
            for name in ("weights", "crop_size", "batch_size", "iterations", "device")
        },
        losses=("pce", "pcons"),
        pcons_ramp=0.0,
        validations=0,
    )
    list(train(tiny_project, run_of(tiny_project), paper))
    assert [seen.learns for seen in passes] == [True, False] * 3
    for student, teacher in zip(passes[::2], passes[1::2], strict=True):
        assert torch.equal(student.image, teacher.image)


@pytest.mark.parametrize("network", ["student", "teacher"])
def test_the_stage_before_makes_the_pseudo_labels_and_learns_no_more(
    tiny_project: Project, config: TrainConfig, passes: list[Pass], network: str
) -> None:
    run = run_of(tiny_project)
    list(train(tiny_project, run, config.replace(pseudo_network=network, modules=2)))
    other = {"student": "teacher", "teacher": "student"}[network]
    stages = {"ancillary": passes[6:15], "primary": passes[15:]}
    for before, seen in stages.items():
        asked, others = last_layer(run, before, network), last_layer(run, before, other)
        makers = [each for each in seen if torch.equal(each.weight, asked)]
        assert len(makers) == 3  # once in each iteration, and never changed
        assert not any(each.is_training or each.learns for each in makers)
        assert not any(torch.equal(each.weight, others) for each in seen)


@pytest.mark.parametrize(("confidence", "is_learnt"), [(0.0, True), (0.999, False)])
def test_pseudo_labels_count_where_they_are_sure_enough(
    tiny_project: Project, config: TrainConfig, confidence: float, is_learnt: bool
) -> None:
    seen = told(tiny_project, config.replace(pseudo_confidence=confidence))
    pseudo = [
        event.losses["pseudo"]
        for event in seen
        if isinstance(event, events.Step) and event.stage == "primary"
    ]
    assert [value > 0 for value in pseudo] == [is_learnt] * 3


# seeds and starts


def test_every_step_of_every_stage_draws_its_own_dropout_and_a_resumed_run_the_same(
    tiny_project: Project, config: TrainConfig, passes: list[Pass]
) -> None:
    def seeds() -> list[int]:
        found = [each.seed for each in passes if each.learns]
        passes.clear()
        return found

    list(train(tiny_project, run_of(tiny_project, "whole"), config))
    whole = seeds()
    assert len(set(whole)) == len(whole) == 6
    parts = run_of(tiny_project, "parts")
    for event in train(tiny_project, parts, config):
        if isinstance(event, events.Step) and event.iteration == 2:
            parts.request_stop()
    torch.manual_seed(7)
    list(train(tiny_project, parts, config, resume=True))
    assert seeds() == whole
    list(train(tiny_project, run_of(tiny_project, "other"), config.replace(seed=1)))
    assert not set(seeds()) & set(whole)


def test_every_stage_has_a_fresh_student_that_the_seed_repeats(
    tiny_project: Project, config: TrainConfig, passes: list[Pass]
) -> None:
    starts: list[Tensor] = []
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        torch.manual_seed(len(starts))  # what torch drew before is of no account
        list(
            train(
                tiny_project,
                run_of(tiny_project, name),
                config.replace(seed=seed, modules=2, iterations=1),
            )
        )
        starts += [each.weight for each in passes if each.learns]
        passes.clear()
    one, two, three = starts[:3], starts[3:6], starts[6:]
    for first, repeated in zip(one, two, strict=True):
        assert torch.equal(first, repeated)
    for number, start in enumerate(one):
        assert not is_any(start, [*one[:number], *three])


@pytest.mark.parametrize("schedule", ["reset", "unchanged"])
def test_self_generation_goes_on_with_student_and_teacher(
    tiny_project: Project, config: TrainConfig, passes: list[Pass], schedule: str
) -> None:
    run = run_of(tiny_project)
    list(
        train(tiny_project, run, config.replace(self_generation=schedule, pseudo_network="student"))
    )
    student, teacher = (last_layer(run, "ancillary", network) for network in ("student", "teacher"))
    assert not torch.equal(student, teacher)
    first = passes[6:9]
    assert sorted(torch.equal(each.weight, student) for each in first) == [
        False,
        True,
        True,
    ]  # learning and frozen
    assert [torch.equal(each.weight, student) for each in first if each.learns] == [True]
    assert sum(torch.equal(each.weight, teacher) for each in first) == 1
    content, _ = load_checkpoint(run.checkpoint_path("self-generation"))
    assert content is not None
    assert int(content["teacher"]["n_averaged"]) == 6  # eq. 1's t goes on


# what is minimised


def test_the_total_has_this_iteration_s_weights(tiny_project: Project, config: TrainConfig) -> None:
    """A ramp over the whole stage: the CRF's (i + 1) / 3 from 20, the consistency's i / 3 from
    9.
    """
    ramped = config.replace(
        crf_ramp=1.0, pcons_ramp=1.0, lambda_crf=20.0, lambda_pcons=9.0, lambda_pseudo=0.5
    )
    steps = [event for event in told(tiny_project, ramped) if isinstance(event, events.Step)]
    assert [(step.stage, step.iteration) for step in steps] == [
        (stage, iteration) for stage in ("ancillary", "primary") for iteration in (1, 2, 3)
    ]
    for step in steps:
        terms = dict(step.losses)
        total, done = terms.pop("total"), step.iteration - 1
        expected = (
            {"pce", "crf"}
            | ({"pcons"} if done else set())
            | ({"pseudo"} if step.stage == "primary" else set())
        )
        assert terms.keys() == expected
        lambdas = {"pce": 1.0, "crf": 20 * (done + 1) / 3, "pcons": 9 * done / 3, "pseudo": 0.5}
        assert total == pytest.approx(
            sum(lambdas[name] * value for name, value in terms.items()), rel=1e-5
        )


def test_the_consistency_grows_once_an_epoch_of_the_images(
    tiny_project: Project, config: TrainConfig, given: list[Given]
) -> None:
    """4 images in batches of 2: an epoch is 2 iterations, no more than the 80 / 40 of the
    longest step.
    """
    long = config.replace(iterations=80, pcons_ramp=1.0, lambda_pcons=8.0, losses=("pce", "pcons"))
    run = run_of(tiny_project)
    for event in train(tiny_project, run, long):
        if isinstance(event, events.Step) and event.iteration == 5:
            run.request_stop()
    network = Constant()
    weights = [each.objective(network, network, each.batch).weights["pcons"] for each in given]
    assert weights == pytest.approx([0, 0, 0.2, 0.2, 0.4])


class Constant(nn.Module):
    """A network without an opinion on two classes."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.zeros(len(image), 2, *image.shape[-2:])


@pytest.mark.parametrize(
    ("changes", "terms"),
    [
        ({"losses": ("full",)}, ["full"]),
        ({"losses": ("pce",)}, ["pce"]),
        ({"losses": ("pce", "pseudo")}, ["pce", "pce", "pseudo"]),
        ({"losses": ("pce", "pseudo"), "self_generation": "reset"}, ["pce", "pce", "pseudo"]),
        ({"losses": ("pce", "presence"), "absent_class": True}, ["pce", "absent", "presence"]),
    ],
)
def test_each_stage_has_its_objective(
    tiny_project: Project, config: TrainConfig, changes: dict[str, object], terms: list[str]
) -> None:
    seen = told(tiny_project, config.replace(iterations=1, **changes))
    losses = [
        name
        for event in seen
        if isinstance(event, events.Step)
        for name in event.losses
        if name != "total"
    ]
    assert losses == terms


@pytest.mark.parametrize(
    ("schedule", "second"),
    [("off", [1.0, 0.75, 0.5, 0.25]), ("reset", [1.0, 0.75, 0.5, 0.25]), ("unchanged", [0.25] * 4)],
)
def test_the_learning_rate_falls_in_every_stage_but_where_it_stays_as_it_ended(
    tiny_project: Project,
    config: TrainConfig,
    given: list[Given],
    schedule: str,
    second: list[float],
) -> None:
    squared = config.replace(iterations=4, base_lr=0.01, power=2.0, self_generation=schedule)
    seen = told(tiny_project, squared)
    expected = [0.01 * left**2 for left in (1.0, 0.75, 0.5, 0.25, *second)]
    assert [each.lr for each in given] == pytest.approx(expected)
    assert [event.lr for event in seen if isinstance(event, events.Step)] == pytest.approx(expected)


# what is told and kept


def test_a_run_tells_what_happens_in_order(
    tiny_project: Project, config: TrainConfig, given: list[Given]
) -> None:
    write_split(tiny_project, "val", "disc_3")
    seen = told(tiny_project, config.replace(iterations=2, validations=1))
    started, *rest = seen
    assert isinstance(started, events.Started)
    assert dataclasses.replace(started, device="") == events.Started(
        stages=("ancillary", "primary"),
        class_names=("background", "disc"),
        images=4,
        clicks=8,
        device="",
    )
    expected: list[tuple[str, object, object]] = []
    for stage in ("ancillary", "primary"):
        expected += [("StageStarted", stage, 0), ("Step", stage, 1), ("Step", stage, 2)]
        expected += [
            ("Validated", stage, 2),
            ("Validated", stage, 2),
            ("CheckpointSaved", stage, 2),
        ]
    expected.append(("Finished", "primary", 2))
    assert [(type(event).__name__, event.stage, event.iteration) for event in rest] == expected  # type: ignore[union-attr]
    assert rest[-1] == events.Finished(reason="completed", stage="primary", iteration=2)
    for event in rest:
        if isinstance(event, events.Step | events.StageStarted):
            assert event.iterations == 2
        if isinstance(event, events.Step):
            assert event.losses == {"pce": 0.1, "total": 0.1}


def test_what_is_kept_to_predict_is_the_student(tiny_project: Project, config: TrainConfig) -> None:
    run = run_of(tiny_project)
    list(train(tiny_project, run, config))
    for path, stage in (
        (run.model_path, "primary"),
        (run.student_path("primary"), "primary"),
        (run.student_path("ancillary"), "ancillary"),
    ):
        kept, student = load_model(path).network.state_dict(), state(run, stage, "student")
        assert kept.keys() == student.keys()
        for name, value in kept.items():
            assert torch.equal(value, student[name])
    assert not torch.equal(
        last_layer(run, "primary", "student"), last_layer(run, "primary", "teacher")
    )
    assert not torch.equal(
        last_layer(run, "primary", "student"), last_layer(run, "ancillary", "student")
    )


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


@pytest.mark.parametrize(
    ("changes", "images", "clicks"),
    [
        ({"limit": 3}, 3, 6),
        ({"limit": 9}, 4, 8),
        ({"split": "few"}, 2, 4),
        ({"split": "few", "limit": 1}, 1, 2),
        ({"losses": ("full",)}, 3, 0),
    ],
)
def test_it_trains_on_what_was_chosen(
    tiny_project: Project,
    config: TrainConfig,
    given: list[Given],
    changes: dict[str, object],
    images: int,
    clicks: int,
) -> None:
    write_split(tiny_project, "few", "disc_2", "disc_1")
    tiny_project.truth_path("disc_0").unlink()
    started = told(tiny_project, config.replace(**changes))[0]
    assert isinstance(started, events.Started)
    assert (started.images, started.clicks) == (images, clicks)


# what is asked of it


def test_a_stop_ends_the_run_at_the_very_iteration_and_keeps_the_student(
    tiny_project: Project, config: TrainConfig, given: list[Given]
) -> None:
    run, seen = run_of(tiny_project), []
    for event in train(tiny_project, run, config):
        seen.append(event)
        if isinstance(event, events.Step) and event.iteration == 2:
            run.request_stop()
    assert seen[-2:] == [
        events.CheckpointSaved(stage="ancillary", iteration=2),
        events.Finished(reason="stopped", stage="ancillary", iteration=2),
    ]
    assert len(given) == 2
    assert torch.equal(
        load_model(run.path).network.classify.weight, last_layer(run, "ancillary", "student")
    )
    assert not run.student_path("ancillary").exists()
    again = told(tiny_project, config, resume=True)
    assert isinstance(again[0], events.Started) and again[0].resumed
    assert again[1] == events.StageStarted(stage="ancillary", iteration=2, iterations=3)
    assert isinstance(again[-1], events.Finished) and again[-1].reason == "completed"
    assert len(given) == 3 + 3
    assert [type(event).__name__ for event in told(tiny_project, config, resume=True)] == [
        "Started", "StageStarted", "StageStarted", "Finished",
    ]  # fmt: skip


def test_nothing_is_learnt_in_a_pause_and_a_stop_ends_it(
    tiny_project: Project, config: TrainConfig, given: list[Given]
) -> None:
    run, seen = run_of(tiny_project), []
    for event in train(tiny_project, run, config):
        if isinstance(event, events.Preview):
            continue
        seen.append((type(event).__name__, len(given)))
        if isinstance(event, events.Step):
            run.request_pause()
        if isinstance(event, events.Paused):
            assert event == events.Paused(stage="ancillary", iteration=len(given))
            run.request_continue() if len(given) == 1 else run.request_stop()
        if isinstance(event, events.Continued):
            assert event == events.Continued(stage="ancillary", iteration=len(given))
    assert seen == [
        ("Started", 0), ("StageStarted", 0), ("Step", 1), ("Paused", 1), ("Continued", 1),
        ("Step", 2), ("Paused", 2), ("Continued", 2), ("CheckpointSaved", 2), ("Finished", 2),
    ]  # fmt: skip


def test_the_next_batch_has_the_clicks_that_changed(
    tiny_project: Project, config: TrainConfig, given: list[Given]
) -> None:
    config = config.replace(batch_size=4, iterations=6, losses=("pce",))
    old = ClickDataset(tiny_project, config, tiny_project.image_ids())
    taken = []
    for event in train(tiny_project, run_of(tiny_project), config):
        if isinstance(event, events.Step) and event.iteration == 2:
            before = tiny_project.read_clicks("disc_2")
            assert before is not None
            points = np.array([before.points[0], (70, 60), (5, 66)])
            tiny_project.write_clicks("disc_2", ClickSet(80, 72, points, np.array([1, 0, 1])))
        if isinstance(event, events.ClicksTaken):
            taken.append(event)
    assert taken == [
        events.ClicksTaken(
            stage="ancillary", iteration=2, image_ids=("disc_2",), added=2, removed=1
        )
    ]
    new = ClickDataset(tiny_project, config, tiny_project.image_ids())
    changed = []
    for iteration, each in enumerate(given):
        dataset = old if iteration < 2 else new
        assert torch.equal(each.batch.labels, dataset.batch(0, iteration).labels)
        changed.append(
            not torch.equal(old.batch(0, iteration).labels, new.batch(0, iteration).labels)
        )
    assert any(changed[2:])  # or the batches would prove nothing


def test_smaller_parts_are_told(
    tiny_project: Project, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(self: Learner, *_: object) -> Mapping[str, float]:
        self.part_size = 2 if self.iteration == 0 else 1
        self.iteration += 1
        return {"pce": 0.1, "total": 0.1}

    monkeypatch.setattr(Learner, "step", step)
    seen = told(tiny_project, config.replace(batch_size=4, losses=("pce",)))
    assert [event for event in seen if isinstance(event, events.BatchHalved)] == [
        events.BatchHalved(stage="ancillary", iteration=1, part_size=2),
        events.BatchHalved(stage="ancillary", iteration=2, part_size=1),
    ]


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
