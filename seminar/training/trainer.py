"""A whole run: a generator of events, from clicks to a network that predicts."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator

import torch

from seminar.config.settings import TrainConfig
from seminar.models.build_network import build_network
from seminar.models.checkpoint import load_model
from seminar.project.project import Project
from seminar.run import events
from seminar.run.folder import RunFolder, stage_names
from seminar.runtime import devices
from seminar.runtime.distributed import Ranks, joined, own_device, processes_here
from seminar.training.colour import colour_tells
from seminar.training.inputs import Inputs, read_inputs
from seminar.training.judging.best import Best
from seminar.training.judging.judge import Judge
from seminar.training.judging.scoring import Scorer
from seminar.training.learner import Learner
from seminar.training.previews import Previewer
from seminar.training.saving import Saver
from seminar.training.stage import Course, train_stage
from seminar.training.start import Start


def train(
    project: Project, run: RunFolder, config: TrainConfig, *, resume: bool = False
) -> Iterator[events.Event]:
    """Train all stages of a run and yield its events; what lasts is in the run folder.

    Events are not written here: `record` does that. A stop request (`RunFolder.request_stop`) ends
    the run within one iteration and saves; closing the generator leaves the last checkpoint.

    Processes that torchrun started all train the one run, with the same batches and the same
    losses. The first one yields the events and writes the run folder; the others yield nothing.

    Parameters
    ----------
    resume : bool
        Continue from the newest whole checkpoint. On the CPU the result is the same, bit for bit,
        as without the interruption, as long as the clicks and the number of threads are the same.

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
    # everything that can be refused, before the run folder exists
    inputs = read_inputs(project, config, ranks)
    if not resume:
        with ranks.together():
            build_network(config, num_classes=inputs.num_classes, channels=inputs.channels)

    # the run folder, ours until the end
    if ranks.is_first:
        run.path.mkdir(parents=True, exist_ok=True)
        run.claim()
    try:
        if ranks.is_first:
            run.clear_requests()
            run.write_config(config)
        course = _course(project, run, config, inputs, device, ranks)
        if resume and ranks.is_first and course.best and run.model_path.exists():
            model = load_model(run.model_path, device)
            if (model.classes, model.channels) == (project.classes, inputs.channels):
                course.best.resume(model.network)
        yield _started(course, project, resume)

        # one stage after the other
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


def _course(
    project: Project,
    run: RunFolder,
    config: TrainConfig,
    inputs: Inputs,
    device: torch.device,
    ranks: Ranks,
) -> Course:
    shown = tuple(dict.fromkeys((*inputs.dataset.clicks, *project.image_ids())))
    colour_share = 1.0
    if config.crf_by_colour and "crf" in config.losses:
        colour_share = ranks.from_first(lambda: colour_tells(inputs.dataset, config.sigma_rgb))
    saver = Saver(run, config, project.classes, inputs.channels)
    best = None
    if config.keep_best:
        best = Best(Judge(project, config, inputs, device), saver)
    return Course(
        run=run,
        config=config,
        stages=stage_names(config),
        inputs=inputs,
        device=device,
        ranks=ranks,
        previewer=Previewer(run, project.classes, inputs.dataset.image, shown, inputs.channels),
        scorer=Scorer(project, config, inputs, device),
        start=Start(
            project,
            config,
            tuple(inputs.dataset.clicks),
            others=inputs.dataset.unclicked,
            device=device,
            is_stopped=run.stop_requested,
        ),
        saver=saver,
        best=best,
        colour_share=colour_share,
    )


def _started(course: Course, project: Project, resume: bool) -> events.Started:
    clicks, processes = course.inputs.dataset.clicks, course.ranks.size
    return events.Started(
        stages=course.stages,
        class_names=project.classes.names,
        images=len(clicks),
        clicks=sum(len(of_image) for of_image in clicks.values()),
        device=devices.describe(course.device)
        + (f", {processes} processes" if processes > 1 else ""),
        resumed=resume,
    )
