"""One stage of a run: the training loop."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from seminar.config.settings import TrainConfig
from seminar.data.batch import Batch
from seminar.data.loader import Loader
from seminar.models import checkpoint
from seminar.models.build_network import build_network
from seminar.models.refined_probe import RefinedProbe
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.runtime.distributed import Ranks
from seminar.training.clock import Clock
from seminar.training.inputs import Inputs
from seminar.training.judging.best import Best
from seminar.training.judging.scoring import Scorer, warn_if_overrun
from seminar.training.judging.watch import Watch
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
from seminar.training.start import Start

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
    start: Start
    previewer: Previewer
    scorer: Scorer
    saver: Saver
    colour_share: float
    """Of the CRF's weight; see `seminar.training.colour`."""
    best: Best | None
    """None where the last student is the model."""


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
    learner, watch = yield from _learner(course, number, before, resume=resume)
    ancillary = _frozen(course, before) if before is not None else None
    yield events.StageStarted(stage=stage, iteration=learner.iteration, iterations=iterations)
    if learner.iteration >= iterations and ranks.from_first(course.run.student_path(stage).exists):
        return learner  # it had ended before the resume; model.pt may be of a later stage

    is_probe = config.start == "probe" and number == learner.iteration == 0
    if course.best is not None and is_probe and ranks.is_first:
        yield from course.best.compare(events.PROBE, {"student": learner.student})
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
                config,
                inputs.dataset.click_counts(),
                learner.iteration,
                inputs.dataset.epoch_length(),
                course.colour_share * (watch.crf_share if watch else 1.0),
            )
            label = _labelling(ancillary, settings, config.pseudo_by_image)
            clock.add(learner.step(batch, _objective(stage, settings), lr, label))

            if watch:
                yield from watch.look(stage)

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
                yield from _show_and_save(course, stage, learner, ancillary, clock, watch)

    # the last checkpoint and the models
    if ranks.is_first:
        if course.best is None:
            yield from course.saver.save_model(learner.student)
        else:
            yield from course.best.compare(stage, learner.networks())
        yield from course.saver.save_at_the_end(stage, learner, _more(watch))
    yield events.CheckpointSaved(stage=stage, iteration=learner.iteration)
    return learner


def _learner(
    course: Course, number: int, before: Learner | None, *, resume: bool
) -> Generator[events.Event, None, tuple[Learner, Watch | None]]:
    """The learner of a stage: from its newest checkpoint, or with a new student. And its watch.

    A new student has a seed of its own; under self-generation that of the stage before continues.
    """
    config, ranks = course.config, course.ranks
    content, faults = None, list[str]()
    if resume:
        with ranks.together():
            path = course.run.checkpoint_path(course.stages[number])
            content, faults = checkpoint.load_checkpoint(path)
            if content is not None and content["iteration"] == 0:  # stopped before it was made
                content = None
    torch.manual_seed(_seed(config.seed, number, -1))
    student = build_network(
        config,
        num_classes=course.inputs.num_classes,
        channels=course.inputs.channels,
        load=content is None,
    )
    if content is None and isinstance(student, RefinedProbe):
        with ranks.together():
            if ranks.is_first:  # the others get a copy
                start = yield from course.start.weights()
                student.load_state_dict(start, strict=False)
    learner = Learner(student, config, course.device, ranks)
    if before is not None and config.self_generation != "off":
        learner.student.load_state_dict(before.student.state_dict())
        learner.teacher.load_state_dict(before.teacher.state_dict())
    watch = None
    if isinstance(student, RefinedProbe) and config.losses != ("full",):
        watch = Watch(course.inputs.dataset, learner, ranks)
    if content is not None:
        with ranks.together():  # nobody writes the next one before all have read this one
            learner.restore(content)
            if watch:
                watch.restore(content["watch"])
    for fault in faults:
        yield events.Warned(message=f"{fault}; the checkpoint before it is used")
    return learner, watch


def _frozen(course: Course, before: Learner) -> nn.Module:
    """A copy of the network that makes the pseudo-labels, in eval mode, without gradients.

    The best of the run so far, where that is known.
    """
    from_teacher = course.config.pseudo_network == "teacher"
    network = before.teacher.module if from_teacher else before.student
    frozen = copy.deepcopy(network).eval().requires_grad_(False)
    if course.best is not None:
        with course.ranks.together():
            if course.ranks.is_first and course.best.network is not None:
                frozen.load_state_dict(course.best.network.state_dict())
        course.ranks.copy_from_first(frozen)
    return frozen


def _more(watch: Watch | None) -> Mapping[str, Any]:
    """What a checkpoint holds beside the learner's state."""
    return {"watch": watch.state()} if watch else {}


def _preparation(course: Course) -> Callable[[Batch], Batch]:
    """Adds the plan of the CRF to a batch in the loader, unless a GPU makes it faster."""
    if course.device.type != "cpu":
        return lambda batch: batch
    config = course.config
    counts = course.inputs.dataset.click_counts()
    settings = loss_settings(config, counts, config.iterations - 1, 1)
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


def _labelling(ancillary: nn.Module | None, settings: LossSettings, by_image: bool) -> Labelling:
    """Adds pseudo-labels to crops; without an ancillary network they stay as they are."""
    if ancillary is None:
        return lambda batch: batch
    return partial(
        pseudo_labelled,
        ancillary=ancillary,
        confidence=settings.pseudo_confidence,
        by_image=by_image,
    )


def _show_and_save(
    course: Course,
    stage: str,
    learner: Learner,
    ancillary: nn.Module | None,
    clock: Clock,
    watch: Watch | None,
) -> Iterator[events.Event]:
    """Draw previews, score the networks and write a checkpoint, each where it is due."""
    is_last = learner.iteration == course.config.iterations
    if is_last or course.previewer.is_due(time.monotonic()):
        networks = learner.networks()
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
    yield from course.saver.save_now_and_then(stage, learner, clock, _more(watch))


def _seed(seed: int, stage: int, iteration: int) -> int:
    """A seed for torch that differs for every stage and iteration, so that a resume repeats it."""
    return int(
        np.random.SeedSequence((seed, stage, iteration + 1)).generate_state(1, np.uint64)[0] >> 1
    )
