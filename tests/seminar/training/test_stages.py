"""Stages of a run: networks, views, modes, seeds and weights."""

from __future__ import annotations

import pytest
import torch
from stage_runs import (
    Given,
    Pass,
    is_any,
    last_layer,
    run_of,
    told,
    write_split,
)
from torch import Tensor, nn

from seminar.config.settings import TrainConfig, preset
from seminar.data.dataset import ClickDataset
from seminar.models.checkpoint import load_checkpoint
from seminar.project.project import Project
from seminar.run import events
from seminar.training.trainer import train

pytestmark = pytest.mark.usefixtures("small_networks", "every_step_is_reported")


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
