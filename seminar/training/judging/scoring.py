"""Scores during a run, and the warning about clicks that are hardly learnt."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from seminar.config.settings import TrainConfig
from seminar.errors import SeminarError
from seminar.inference.evaluate import evaluate
from seminar.inference.predictor import Predictor
from seminar.models.mean_field import Sharpened
from seminar.project.project import Project
from seminar.run import events
from seminar.training.inputs import Inputs
from seminar.training.learner import Learner
from seminar.training.loss_settings import crf_form

OVERRUN = 0.8
"""Share of the loss of mere guessing that clicks may still have half-way through a stage; above
it another term dominates them."""


class Scorer:
    """Scores student and teacher on the images of the val split that have dense masks."""

    def __init__(
        self, project: Project, config: TrainConfig, inputs: Inputs, device: torch.device
    ) -> None:
        self._project, self._config, self._inputs = project, config, inputs
        self._device = device
        count = config.validations
        self._iterations = {
            round(config.iterations * (number + 1) / count) for number in range(count)
        }

    def score(self, stage: str, learner: Learner) -> Iterator[events.Event]:
        """Score both networks, in iterations that are spread evenly up to the last one.

        A mask that was damaged since the start costs a score, not the run.
        """
        if not self._inputs.scored or learner.iteration not in self._iterations:
            return
        for name, network in learner.networks().items():
            predictor = predictor_of(
                network, self._project, self._config, self._inputs, self._device
            )
            try:
                scores = evaluate(predictor, self._project, image_ids=self._inputs.scored)
            except SeminarError as error:
                yield events.Warned(message=f"not scored: {error}")
                return
            yield events.Validated(
                stage=stage,
                iteration=learner.iteration,
                network=name,
                mean_iou=scores.mean_iou,
                per_class_iou=scores.per_class_iou,
                images=scores.images,
            )


def predictor_of(
    network: nn.Module,
    project: Project,
    config: TrainConfig,
    inputs: Inputs,
    device: torch.device,
) -> Predictor:
    """A network of a run as it will predict, along the edges of images; it may go on learning
    afterwards.
    """
    seen = network
    if config.start == "probe":
        seen = Sharpened(network)
    return Predictor(
        seen,
        classes=project.classes,
        channels=config.channels,
        stretch=config.stretch,
        num_channels=inputs.channels,
        device=device,
    )


def warn_if_overrun(
    config: TrainConfig, num_classes: int, clicks_loss: float
) -> Iterator[events.Event]:
    """Warn where the cross-entropy of the clicks is still that of guessing, log K.

    With many classes the CRF can merge regions before their clicks are learnt.
    """
    crops = config.batch_size if config.convention == "paper" else 1
    guessing = math.log(num_classes) / crops
    if "crf" not in config.losses or not clicks_loss > OVERRUN * guessing:
        return
    relaxation, _ = crf_form(config, num_classes)
    other = ", --crf-relaxation quadratic" if relaxation == "bilinear" else ""
    yield events.Warned(
        message=(
            f"half of the stage is over and the clicks are hardly learnt (loss {clicks_loss:.2g}, "
            f"guessing has {guessing:.2g}): the CRF dominates them; stop, and choose a smaller "
            f"--lambda-crf (now {config.lambda_crf:g}){other}, or a larger --iterations"
        )
    )
