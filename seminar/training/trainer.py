"""The training loop: a generator of events, from clicks to a network that predicts."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from seminar.config.settings import TrainConfig
from seminar.data.dataset import Batch, ClickDataset
from seminar.data.loader import Loader
from seminar.errors import DatasetError, SeminarError
from seminar.evaluation.evaluate import evaluate
from seminar.inference.predictor import Predictor
from seminar.losses.dense_crf import CrfRelaxation
from seminar.models import checkpoint
from seminar.models.deeplab import build_network
from seminar.project.check.project import check
from seminar.project.project import Project
from seminar.project.splits import training_ids
from seminar.run import events
from seminar.run.folder import RunFolder, stage_names
from seminar.runtime import devices
from seminar.runtime.distributed import Ranks, is_first_process, joined, own_device, processes_here
from seminar.training.clock import Clock
from seminar.training.learner import Labelling, Learner, Objective
from seminar.training.objectives import (
    LossSettings,
    click_objective,
    dense_objective,
    pseudo_labelled,
    seminar_objective,
    with_crf_plan,
)
from seminar.training.previews import Previewer
from seminar.training.schedules import linear_ramp, poly_lr

STEP_INTERVAL = 0.25
"""Seconds between two `Step` events, at least."""

REFRESH_INTERVAL = 1.0
"""Seconds between two looks for changed clicks."""

CHECKPOINT_INTERVAL = 30.0
"""Seconds between two checkpoints, at least."""

MAX_CHECKPOINT_SHARE = 0.02
"""Share of the run's time that checkpoints may take."""

ROOM_INTERVAL = 1.0
"""Seconds between two attempts to write to a disk that refuses."""

STOP_PATIENCE = 10.0
"""Seconds that a run that is asked to stop goes on trying to save on such a disk."""

OVERRUN = 0.8
"""Half a stage on, clicks explained no better than this share of mere guessing say that another
term has overrun them.
"""

PAPER_CROP = 513
"""Side of the paper's crops in pixels, for which sigma_xy is given."""

RAMP_STEPS = 40
"""The consistency's weight grows in at least so many steps, as in the paper, where a step is an
epoch; one epoch of many images can outlast a short stage.
"""

SELF_GENERATION = "self-generation"


def train(
    project: Project, run: RunFolder, config: TrainConfig, *, resume: bool = False
) -> Iterator[events.Event]:
    """Train all stages of a run, yielding what happens; everything that lasts is in the run folder.

    Events are not written here: `record` does that. A stop request (`RunFolder.request_stop`) ends
    the run within one iteration and saves; closing the generator leaves the last checkpoint.

    Started by torchrun in several processes, all of them train the one run: same batches, same
    losses. The first yields the events and writes the run folder, the others yield nothing.

    Parameters
    ----------
    resume : bool
        Go on from the newest whole checkpoint. On the CPU the result is the same, bit for bit, as
        without the interruption, as long as the clicks and the number of threads are the same.

    Raises
    ------
    SeminarError
        The project, the settings or the run folder cannot be trained with; the message says why.
    """
    device = own_device(config.device)
    devices.use_threads(processes_here())
    with (
        joined(device) as ranks,
        contextlib.closing(_train(project, run, config, device, ranks, resume)) as stream,
    ):
        for event in stream:
            if ranks.is_first:
                yield event


def _train(
    project: Project,
    run: RunFolder,
    config: TrainConfig,
    device: torch.device,
    ranks: Ranks,
    resume: bool,
) -> Generator[events.Event, None, None]:
    with ranks.together():
        dataset, scored = _dataset(project, config, ranks)
    dataset.adopt(ranks.from_first(lambda: dataset.clicks))
    channels = len(dataset.image(next(iter(dataset.clicks))))
    if not resume:  # weights that cannot be had are told before the run has its name
        with ranks.together():
            build_network(config, num_classes=project.classes.num_classes, channels=channels)
    if ranks.is_first:
        run.path.mkdir(parents=True, exist_ok=True)
        run.claim()
    try:
        if ranks.is_first:
            run.clear_requests()
            run.write_config(config)
        shown = tuple(dict.fromkeys((*dataset.clicks, *project.image_ids())))
        previewer = Previewer(run, project.classes, dataset.image, shown, channels)
        course = _Course(
            project,
            run,
            config,
            dataset,
            scored,
            device,
            ranks,
            previewer,
            stage_names(config),
            channels,
        )
        yield events.Started(
            stages=course.stages,
            class_names=project.classes.names,
            images=len(dataset.clicks),
            clicks=sum(len(clicks) for clicks in dataset.clicks.values()),
            device=devices.describe(device)
            + (f", {ranks.size} processes" if ranks.size > 1 else ""),
            resumed=resume,
        )
        learner: Learner | None = None
        for number, stage in enumerate(course.stages):
            learner = yield from train_stage(course, number, learner, resume=resume)
            if learner.iteration < config.iterations:
                yield events.Finished(reason="stopped", stage=stage, iteration=learner.iteration)
                return
        yield events.Finished(
            reason="completed", stage=course.stages[-1], iteration=config.iterations
        )
    finally:
        if ranks.is_first:
            run.release()


def _dataset(
    project: Project, config: TrainConfig, ranks: Ranks
) -> tuple[ClickDataset, tuple[str, ...]]:
    """What there is to train on, and the images that are scored during the run; both looked
    through for faults.
    """
    if config.batch_size < ranks.size:
        raise SeminarError(
            f"--batch-size {config.batch_size}: {ranks.size} processes share the crops of a batch;"
            f" take at least {ranks.size}, or fewer processes"
        )
    image_ids, scored = _training_ids(project, config), _scored_ids(project, config)
    faults = check(
        project,
        image_ids,
        needs="truth" if config.losses == ("full",) else "clicks",
        channels=config.channels,
    )
    if scored:
        faults += check(project, scored, needs="truth", channels=config.channels)
    if faults:
        raise DatasetError(tuple(dict.fromkeys(faults)))
    dataset = ClickDataset(project, config, image_ids)
    if not dataset.clicks:
        raise DatasetError(
            [
                f"{project.path}: no image has a click; click on a few objects and on the"
                " background, then train"
            ]
        )
    return dataset, scored


def record(run: RunFolder, stream: Iterator[events.Event]) -> Iterator[events.Event]:
    """Pass events on after appending them to events.jsonl; an error becomes a `Failed` event on its
    way out.

    What a full disk does not take is appended with a later event.
    """
    writes = is_first_process()
    waiting: deque[events.Event] = deque()
    try:
        for event in stream:
            waiting.append(event)
            with contextlib.suppress(OSError):
                _append(run, waiting)
            yield event
        _append(run, waiting)
    except (
        SeminarError,
        OSError,
        RuntimeError,
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
    ) as error:
        if writes:
            waiting.append(
                events.Failed(
                    message=str(error).splitlines()[0] if str(error) else type(error).__name__
                )
            )
            with contextlib.suppress(OSError):
                _append(run, waiting)
        raise


def _append(run: RunFolder, waiting: deque[events.Event]) -> None:
    while waiting and run.path.is_dir():
        run.append_event(waiting[0])
        waiting.popleft()


@dataclass(frozen=True)
class _Course:
    """What all stages of a run share."""

    project: Project
    run: RunFolder
    config: TrainConfig
    dataset: ClickDataset
    scored: tuple[str, ...]
    device: torch.device
    ranks: Ranks
    previewer: Previewer
    stages: tuple[str, ...]
    channels: int

    @property
    def num_classes(self) -> int:
        return self.project.classes.num_classes

    def save_model(self, path: Path, network: nn.Module) -> None:
        checkpoint.save_model(
            path, network, config=self.config, classes=self.project.classes, channels=self.channels
        )


def train_stage(
    course: _Course, number: int, before: Learner | None, *, resume: bool
) -> Generator[events.Event, None, Learner]:
    """Train one stage; the generator's return value is its `Learner`, whose `iteration` falls short
    where a stop was requested.

    Parameters
    ----------
    number : int
        Which of `course.stages`, from 0.
    before : Learner or None
        The stage before, whose frozen student makes the pseudo-labels.
    """
    config, run, dataset, ranks = course.config, course.run, course.dataset, course.ranks
    stage, iterations = course.stages[number], config.iterations
    content, faults = None, list[str]()
    if resume:
        with ranks.together():
            content, faults = checkpoint.load_checkpoint(run.checkpoint_path(stage))
    learner = _start(course, number, before, load=content is None)
    if content is not None:
        with ranks.together():  # nobody writes the next one before all have read this one
            learner.restore(content)
    for fault in faults:
        yield events.Warned(message=f"{fault}; the checkpoint before it is used")
    ancillary = _frozen(before, config) if before is not None else None
    yield events.StageStarted(stage=stage, iteration=learner.iteration, iterations=iterations)
    if learner.iteration >= iterations and ranks.from_first(run.student_path(stage).exists):
        return learner  # resumed behind its end: model.pt may be of a later stage
    clock = Clock(learner.iteration, iterations * (len(course.stages) - number - 1))
    validations = _validation_iterations(config)
    slots = ranks.share(config.batch_size)
    with Loader(dataset, number, learner.iteration, slots, _preparation(course)) as loader:
        while learner.iteration < iterations:
            request = ranks.from_first(lambda: _request(run))
            if request == "pause":
                yield events.Paused(stage=stage, iteration=learner.iteration)
                while (request := ranks.from_first(lambda: _request(run))) == "pause":
                    time.sleep(0.05)
                yield events.Continued(stage=stage, iteration=learner.iteration)
                clock.restart(learner.iteration)
            if request == "stop":
                break
            changes = ranks.from_first(
                lambda: dataset.refresh() if clock.passed("clicks", REFRESH_INTERVAL) else None
            )
            for fault in changes.faults if changes is not None else ():
                yield events.Warned(message=fault)
            if changes is not None and changes.image_ids:
                dataset.adopt(ranks.from_first(lambda: dataset.clicks))
                loader.restart(learner.iteration)
                yield events.ClicksTaken(
                    stage=stage,
                    iteration=learner.iteration,
                    image_ids=changes.image_ids,
                    added=changes.added,
                    removed=changes.removed,
                )
            part_size = learner.part_size
            torch.manual_seed(
                _seed(config.seed, number, learner.iteration)
            )  # dropout: a resumed run repeats it
            lr = _lr(config, stage, learner.iteration)
            with ranks.together():
                batch = loader.next()
            settings = loss_settings(
                config, course.num_classes, learner.iteration, dataset.epoch_length()
            )
            clock.add(
                learner.step(
                    batch, _objective(stage, settings), lr, _labelling(ancillary, settings)
                )
            )
            if learner.part_size < part_size:
                yield events.BatchHalved(
                    stage=stage, iteration=learner.iteration, part_size=learner.part_size
                )
            if learner.iteration == iterations // 2 and (
                sentence := _overrun(course, clock.recent("pce"))
            ):
                yield events.Warned(message=sentence)
            if clock.passed("step", STEP_INTERVAL) or learner.iteration == iterations:
                yield clock.step(stage, learner.iteration, iterations, lr, course.device)
            if not ranks.is_first:
                continue
            last = learner.iteration == iterations
            if course.previewer.is_due(time.monotonic()) or last:
                networks = {"student": learner.student, "teacher": learner.teacher}
                networks |= {"pseudo_label": ancillary} if ancillary is not None else {}
                drawn = course.previewer.draw(
                    networks,
                    stage=stage,
                    iteration=learner.iteration,
                    device=course.device,
                    only_shown=last,
                )
                if drawn is not None:
                    yield drawn
            if learner.iteration in validations:
                yield from _validated(course, stage, learner)
            if clock.passed("checkpoint", CHECKPOINT_INTERVAL):
                start = time.monotonic()
                yield from _when_there_is_room(run, lambda: _save(run, stage, learner))
                clock.took("checkpoint", (time.monotonic() - start) / MAX_CHECKPOINT_SHARE)
                yield events.CheckpointSaved(stage=stage, iteration=learner.iteration)
    if ranks.is_first:
        yield from _when_there_is_room(run, lambda: _save(run, stage, learner))
        yield from _when_there_is_room(
            run, lambda: course.save_model(run.model_path, learner.student)
        )
        if learner.iteration == iterations:
            yield from _when_there_is_room(
                run, lambda: course.save_model(run.student_path(stage), learner.student)
            )
    yield events.CheckpointSaved(stage=stage, iteration=learner.iteration)
    return learner


def _start(course: _Course, number: int, before: Learner | None, *, load: bool) -> Learner:
    """A fresh student from a seed of its own; under self-generation the student of the stage
    before goes on. `load` is False where a checkpoint follows.
    """
    config = course.config
    torch.manual_seed(_seed(config.seed, number, -1))
    student = build_network(
        config, num_classes=course.num_classes, channels=course.channels, load=load
    )
    learner = Learner(student, config, course.device, course.ranks)
    if before is not None and course.stages[number] == SELF_GENERATION:
        learner.student.load_state_dict(before.student.state_dict())
        learner.teacher.load_state_dict(before.teacher.state_dict())
    return learner


def _frozen(before: Learner, config: TrainConfig) -> nn.Module:
    """A copy of the network that makes the pseudo-labels, in eval mode, without gradients."""
    network = before.teacher.module if config.pseudo_network == "teacher" else before.student
    return copy.deepcopy(network).eval().requires_grad_(False)


def _overrun(course: _Course, clicks_loss: float) -> str:
    """What to tell where the clicks' cross-entropy is still that of guessing (log K): with many
    classes, regions can be drawn together before their clicks are learnt. Empty where all is well.
    """
    config = course.config
    guessing = math.log(course.num_classes) / (
        config.batch_size if config.convention == "paper" else 1
    )
    if "crf" not in config.losses or not clicks_loss > OVERRUN * guessing:
        return ""
    relaxation, _ = crf_form(config, course.num_classes)
    other = ", --crf-relaxation quadratic" if relaxation == "bilinear" else ""
    return (
        f"half of the stage is over and the clicks are hardly learnt (loss {clicks_loss:.2g},"
        f" guessing has {guessing:.2g}): the CRF has overrun them; stop, and choose a smaller"
        f" --lambda-crf (now {config.lambda_crf:g}){other}, or more --iterations"
    )


def _request(run: RunFolder) -> str:
    """What is asked of the run: "stop", "pause" or nothing."""
    if run.stop_requested():
        return "stop"
    return "pause" if run.pause_requested() else ""


def _labelling(ancillary: nn.Module | None, settings: LossSettings) -> Labelling:
    """How the second stage's crops get their pseudo-labels; they stay as they are without an
    ancillary network.
    """
    if ancillary is None:
        return lambda batch: batch
    return lambda batch: pseudo_labelled(batch, ancillary, confidence=settings.pseudo_confidence)


def _objective(stage: str, settings: LossSettings) -> Objective:
    """An iteration's objective, as a function of student, teacher and batch."""
    if stage == "full":
        return lambda student, teacher, batch: dense_objective(student, batch, settings)
    if stage == "ancillary":
        return lambda student, teacher, batch: click_objective(student, teacher, batch, settings)
    return lambda student, teacher, batch: seminar_objective(
        student, teacher, None, batch, settings
    )


def _preparation(course: _Course) -> Callable[[Batch], Batch]:
    """What the loader adds to a batch: the CRF's plan, but for a GPU, which makes it faster than
    a core here would.
    """
    settings = loss_settings(course.config, course.num_classes, course.config.iterations - 1, 1)
    return lambda batch: with_crf_plan(batch, settings) if course.device.type == "cpu" else batch


def loss_settings(
    config: TrainConfig, num_classes: int, iteration: int, epoch: int
) -> LossSettings:
    """Weights of one iteration, ramps included; a term that is not trained on has weight 0."""
    crf_ramp = linear_ramp(iteration + 1, config.iterations, config.crf_ramp)
    longest = max(1, math.ceil(config.pcons_ramp * config.iterations / RAMP_STEPS))
    pcons_ramp = linear_ramp(
        iteration, config.iterations, config.pcons_ramp, epoch=min(epoch, longest)
    )
    relaxation, crf_share = crf_form(config, num_classes)
    confidence, balance = pseudo_form(config, num_classes)
    return LossSettings(
        convention=config.convention,
        lambda_crf=config.lambda_crf * crf_share * crf_ramp * ("crf" in config.losses),
        lambda_pcons=config.lambda_pcons * pcons_ramp * ("pcons" in config.losses),
        lambda_pseudo=config.lambda_pseudo,
        lambda_absent=config.lambda_absent * config.absent_class,
        lambda_presence=config.lambda_presence * ("presence" in config.losses),
        lambda_objectness=config.lambda_objectness * bool(config.objectness),
        sigma_rgb=config.sigma_rgb,
        sigma_xy=config.sigma_xy * config.crop_size / PAPER_CROP,
        crf_scale=config.crf_scale,
        crf_method=config.crf_method,
        crf_normalize=config.crf_normalize,
        crf_relaxation=relaxation,
        crf_landmarks=config.crf_landmarks,
        pseudo_confidence=confidence,
        pseudo_balance=balance,
    )


def crf_form(config: TrainConfig, num_classes: int) -> tuple[CrfRelaxation, float]:
    """The form of the CRF, and the share of `lambda_crf` that it is given.

    `auto` is Tang et al.'s bilinear form for two classes. Of more classes it hands whole regions to
    whichever leads by chance in the first iterations; there it is the quadratic form at 2 / classes
    of the weight (measured, benchmarks/library.md; a departure from the paper).
    """
    if config.crf_relaxation != "auto":
        return config.crf_relaxation, 1.0
    if num_classes <= 2 or config.convention == "paper":
        return "bilinear", 1.0
    return "quadratic", 2 / num_classes


def pseudo_form(config: TrainConfig, num_classes: int) -> tuple[float, float]:
    """How sure a pseudo-label must be, and how much more it counts where its class is scarce: both
    as the settings say, from how many classes there are.

    A guess among K > 2 classes is 1 / K sure, where one of two is 1 / 2: what is sure enough is 2 /
    K of the setting. Two classes are not weighted: there the weights drew objects too large
    (measured, benchmarks/library.md).
    """
    if num_classes <= 2:
        return config.pseudo_confidence, 0.0
    return config.pseudo_confidence * 2 / num_classes, config.pseudo_balance


def _lr(config: TrainConfig, stage: str, iteration: int) -> float:
    """The backbone's learning rate; Fig. 4's "unchanged" stays where the first stage's schedule
    ended.
    """
    if stage == SELF_GENERATION and config.self_generation == "unchanged":
        iteration = config.iterations - 1
    return poly_lr(config.base_lr, iteration, config.iterations, config.power)


def _validated(course: _Course, stage: str, learner: Learner) -> Iterator[events.Event]:
    """Score student and teacher on the images that are scored during a run; a mask that was
    damaged since the start costs a score, not the run.
    """
    project, config = course.project, course.config
    for name, network in (
        (("student", learner.student), ("teacher", learner.teacher.module)) if course.scored else ()
    ):
        predictor = Predictor(
            network,
            classes=project.classes,
            channels=config.channels,
            stretch=config.stretch,
            num_channels=course.channels,
            device=course.device,
        )
        try:
            scores = evaluate(predictor, project, image_ids=course.scored)
        except SeminarError as error:
            yield events.Warned(message=f"not scored: {error}")
            return
        finally:
            network.train(name == "student")
        yield events.Validated(
            stage=stage,
            iteration=learner.iteration,
            network=name,
            mean_iou=scores.mean_iou,
            per_class_iou=scores.per_class_iou,
            images=scores.images,
        )


def _scored_ids(project: Project, config: TrainConfig) -> tuple[str, ...]:
    """The first images of the val split that have dense truth; none where there are none."""
    ids = project.split(config.val_split) or () if config.validations else ()
    return tuple(image_id for image_id in ids if project.truth_path(image_id).exists())[
        : config.validation_images
    ]


def _validation_iterations(config: TrainConfig) -> frozenset[int]:
    """Iterations after which the val split is scored: evenly spread, the last one included."""
    return frozenset(
        round(config.iterations * (index + 1) / config.validations)
        for index in range(config.validations)
    )


def _save(run: RunFolder, stage: str, learner: Learner) -> None:
    checkpoint.save_checkpoint(run.checkpoint_path(stage), learner.state())


def _when_there_is_room(run: RunFolder, write: Callable[[], None]) -> Iterator[events.Event]:
    """Write; where the disk refuses, say so once and try until it takes it: what was learnt is
    worth a wait. A stop request shortens it.
    """
    told_at = stopped_at = math.inf
    while True:
        try:
            return write()
        except OSError as error:
            now = time.monotonic()
            stopped_at = min(stopped_at, now) if run.stop_requested() else math.inf
            if now - stopped_at > STOP_PATIENCE:
                raise
            if told_at == math.inf:
                yield events.Warned(
                    message=(
                        f"{error.filename or run.path}: {error.strerror or error}; make room or"
                        " give access, training waits and then goes on"
                    )
                )
                told_at = now
            time.sleep(ROOM_INTERVAL)


def _seed(seed: int, stage: int, iteration: int) -> int:
    """A seed for torch that differs for every stage and iteration."""
    return int(
        np.random.SeedSequence((seed, stage, iteration + 1)).generate_state(1, np.uint64)[0] >> 1
    )


def _training_ids(project: Project, config: TrainConfig) -> tuple[str, ...]:
    """The split's images, or all where there is no train.txt; with `--pseudo-labels` those that
    have one; the first `limit` of them.
    """
    ids = training_ids(project, config.split) or project.image_ids()
    if config.losses == ("full",):
        ids = tuple(image_id for image_id in ids if project.truth_path(image_id).exists())
    if config.pseudo_labels:
        folder = Path(config.pseudo_labels)
        ids = tuple(image_id for image_id in ids if (folder / f"{image_id}.png").is_file())
        if not ids:
            raise SeminarError(
                f"--pseudo-labels {folder}: expected label PNGs named as the images, found none;"
                " give their folder"
            )
    return ids[: config.limit] if config.limit else ids
