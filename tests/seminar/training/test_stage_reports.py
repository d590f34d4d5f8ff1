"""Stages of a run: the events they report, the files they keep, the requests they follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from stage_runs import (
    Given,
    last_layer,
    run_of,
    state,
    told,
    write_split,
)

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.data.dataset import ClickDataset
from seminar.models.checkpoint import load_model
from seminar.project.project import Project
from seminar.run import events
from seminar.training.learner import Learner
from seminar.training.trainer import train

pytestmark = pytest.mark.usefixtures("small_networks", "every_step_is_reported")


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


def test_the_time_left_is_that_of_all_stages_to_come(
    tiny_project: Project, config: TrainConfig, given: list[Given]
) -> None:
    """At the measured speed: two stages of three iterations are six; at the end none is left."""
    seen = told(tiny_project, config.replace(iterations=3, validations=0))
    steps = [event for event in seen if isinstance(event, events.Step)]
    left = [event.seconds_left * event.iterations_per_second for event in steps]
    assert left == pytest.approx([5, 4, 3, 2, 1, 0], abs=1e-6)


def test_a_stage_killed_before_its_student_was_written_writes_it_when_resumed(
    tiny_project: Project, config: TrainConfig
) -> None:
    run = run_of(tiny_project)
    list(train(tiny_project, run, config))
    kept = load_model(run.student_path("ancillary")).network.state_dict()
    run.student_path("ancillary").unlink()
    list(train(tiny_project, run, config, resume=True))
    again = load_model(run.student_path("ancillary")).network.state_dict()
    assert all(torch.equal(again[name], value) for name, value in kept.items())


def test_until_somebody_asks_the_first_image_with_clicks_is_drawn(
    tiny_project: Project, config: TrainConfig, given: list[Given]
) -> None:
    tiny_project.clicks_path("disc_0").unlink()
    tiny_project.sparse_mask_path("disc_0").unlink()
    run = run_of(tiny_project)
    seen = list(train(tiny_project, run, config.replace(iterations=1)))
    assert {event.image_id for event in seen if isinstance(event, events.Preview)} == {"disc_1"}


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
