"""One stage of a run: the training loop."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from seminar.config.settings import TrainConfig
from seminar.data.batch import Batch
from seminar.data.loader import Loader
from seminar.models import checkpoint
from seminar.models.deeplab import build_network
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.runtime.distributed import Ranks
from seminar.training.clock import Clock
from seminar.training.inputs import Inputs
from seminar.training.learner import Labelling, Learner, Objective
from seminar.training.loss_settings import backbone_lr, loss_settings
from seminar.training.objectives import (
    LossSettings,
    click_objective,
    dense_objective,
    seminar_objective,
    with_crf_plan,
)
from seminar.training.previews import Previewer
from seminar.training.pseudo_labels import pseudo_labelled
from seminar.training.saving import Saver
from seminar.training.scoring import Scorer, warn_if_overrun

STEP_INTERVAL = 0.25
"""Seconds between two `Step` events, at least."""

REFRESH_INTERVAL = 1.0
"""Seconds between two looks for changed clicks."""

PAUSE_INTERVAL = 0.05
"""Seconds between two looks whether a pause is over."""


@dataclass(frozen=True)
class Course:
    """The parts of a run that all its stages share."""

    run: RunFolder
    config: TrainConfig
    stages: tuple[str, ...]
    inputs: Inputs
    device: torch.device
    ranks: Ranks
    previewer: Previewer
    scorer: Scorer
    saver: Saver


def train_stage(
    course: Course, number: int, before: Learner | None, *, resume: bool
) -> Generator[events.Event, None, Learner]:
    """Train one stage and return its `Learner`; its iteration falls short after a stop request.

    Parameters
    ----------
    number : int
        Index in `course.stages`.
    before : Learner or None
        The stage before, whose frozen network makes the pseudo-labels.
    """
    config, inputs, ranks = course.config, course.inputs, course.ranks
    stage, iterations = course.stages[number], config.iterations

    # student and teacher, new or from the checkpoint
    learner = yield from _learner(course, number, before, resume=resume)
    ancillary = _frozen(before, config) if before is not None else None
    yield events.StageStarted(stage=stage, iteration=learner.iteration, iterations=iterations)
    if learner.iteration >= iterations and ranks.from_first(course.run.student_path(stage).exists):
        return learner  # it had ended before the resume; model.pt may be of a later stage

    clock = Clock(learner.iteration, iterations * (len(course.stages) - number - 1))
    loader = Loader(inputs.dataset, number, learner.iteration, ranks, _preparation(course))
    with loader:
        while learner.iteration < iterations:
            # requests and new clicks, which the first process reads for all
            if (yield from _is_stopped(course, stage, learner, clock, loader)):
                break

            # a step on the next batch
            torch.manual_seed(_seed(config.seed, number, learner.iteration))  # of dropout
            lr, part_size = backbone_lr(config, stage, learner.iteration), learner.part_size
            batch = loader.next()
            settings = loss_settings(
                config, inputs.num_classes, learner.iteration, inputs.dataset.epoch_length()
            )
            label = _labelling(ancillary, settings)
            clock.add(learner.step(batch, _objective(stage, settings), lr, label))

            # its report
            if learner.part_size < part_size:
                yield events.BatchHalved(
                    stage=stage, iteration=learner.iteration, part_size=learner.part_size
                )
            if learner.iteration == iterations // 2:
                yield from warn_if_overrun(config, inputs.num_classes, clock.recent("pce"))
            if clock.passed("step", STEP_INTERVAL) or learner.iteration == iterations:
                yield clock.step(stage, learner.iteration, iterations, lr, course.device)

            # pictures, scores and a checkpoint, by the first process alone
            if ranks.is_first:
                yield from _show_and_save(course, stage, learner, ancillary, clock)

    # the last checkpoint and the models
    if ranks.is_first:
        yield from course.saver.save_at_the_end(stage, learner)
    yield events.CheckpointSaved(stage=stage, iteration=learner.iteration)
    return learner


def _learner(
    course: Course, number: int, before: Learner | None, *, resume: bool
) -> Generator[events.Event, None, Learner]:
    """The learner of a stage: from its newest checkpoint, or with a new student.

    A new student has a seed of its own; under self-generation that of the stage before continues.
    """
    config, ranks = course.config, course.ranks
    content, faults = None, list[str]()
    if resume:
        with ranks.together():
            path = course.run.checkpoint_path(course.stages[number])
            content, faults = checkpoint.load_checkpoint(path)
    torch.manual_seed(_seed(config.seed, number, -1))
    student = build_network(
        config,
        num_classes=course.inputs.num_classes,
        channels=course.inputs.channels,
        load=content is None,
    )
    learner = Learner(student, config, course.device, ranks)
    if before is not None and config.self_generation != "off":
        learner.student.load_state_dict(before.student.state_dict())
        learner.teacher.load_state_dict(before.teacher.state_dict())
    if content is not None:
        with ranks.together():  # nobody writes the next one before all have read this one
            learner.restore(content)
    for fault in faults:
        yield events.Warned(message=f"{fault}; the checkpoint before it is used")
    return learner


def _frozen(before: Learner, config: TrainConfig) -> nn.Module:
    """A copy of the network that makes the pseudo-labels, in eval mode, without gradients."""
    network = before.teacher.module if config.pseudo_network == "teacher" else before.student
    return copy.deepcopy(network).eval().requires_grad_(False)


def _preparation(course: Course) -> Callable[[Batch], Batch]:
    """Adds the plan of the CRF to a batch in the loader, unless a GPU makes it faster."""
    if course.device.type != "cpu":
        return lambda batch: batch
    config = course.config
    settings = loss_settings(config, course.inputs.num_classes, config.iterations - 1, 1)
    return lambda batch: with_crf_plan(batch, settings)


def _is_stopped(
    course: Course, stage: str, learner: Learner, clock: Clock, loader: Loader
) -> Generator[events.Event, None, bool]:
    """Wait while a pause is requested, then use the clicks that changed; True to stop."""
    ranks, dataset, iteration = course.ranks, course.inputs.dataset, learner.iteration
    request = ranks.from_first(lambda: _request(course.run))
    if request == "pause":
        yield events.Paused(stage=stage, iteration=iteration)
        while (request := ranks.from_first(lambda: _request(course.run))) == "pause":
            time.sleep(PAUSE_INTERVAL)
        yield events.Continued(stage=stage, iteration=iteration)
        clock.restart(iteration)
    if request == "stop":
        return True
    changes = ranks.from_first(
        lambda: dataset.refresh() if clock.passed("clicks", REFRESH_INTERVAL) else None
    )
    if changes is None:
        return False
    for fault in changes.faults:
        yield events.Warned(message=fault)
    if changes.image_ids:
        dataset.adopt(ranks.from_first(lambda: dataset.clicks))
        loader.restart(iteration)
        yield events.ClicksTaken(
            stage=stage,
            iteration=iteration,
            image_ids=changes.image_ids,
            added=changes.added,
            removed=changes.removed,
        )
    return False


def _request(run: RunFolder) -> str:
    """The request to the run: "stop", "pause" or nothing."""
    if run.stop_requested():
        return "stop"
    return "pause" if run.pause_requested() else ""


def _objective(stage: str, settings: LossSettings) -> Objective:
    """The objective of a stage, as a function of student, teacher and batch."""
    objectives = {"full": dense_objective, "ancillary": click_objective}
    return partial(objectives.get(stage, seminar_objective), settings=settings)


def _labelling(ancillary: nn.Module | None, settings: LossSettings) -> Labelling:
    """Adds pseudo-labels to crops; without an ancillary network they stay as they are."""
    if ancillary is None:
        return lambda batch: batch
    return partial(pseudo_labelled, ancillary=ancillary, confidence=settings.pseudo_confidence)


def _show_and_save(
    course: Course, stage: str, learner: Learner, ancillary: nn.Module | None, clock: Clock
) -> Iterator[events.Event]:
    """Draw previews, score the networks and write a checkpoint, each where it is due."""
    is_last = learner.iteration == course.config.iterations
    if is_last or course.previewer.is_due(time.monotonic()):
        networks = {"student": learner.student, "teacher": learner.teacher}
        networks |= {"pseudo_label": ancillary} if ancillary is not None else {}
        drawn = course.previewer.draw(
            networks,
            stage=stage,
            iteration=learner.iteration,
            device=course.device,
            only_shown=is_last,
        )
        if drawn is not None:
            yield drawn
    yield from course.scorer.score(stage, learner)
    yield from course.saver.save_now_and_then(stage, learner, clock)


def _seed(seed: int, stage: int, iteration: int) -> int:
    """A seed for torch that differs for every stage and iteration, so that a resume repeats it."""
    return int(
        np.random.SeedSequence((seed, stage, iteration + 1)).generate_state(1, np.uint64)[0] >> 1
    )
