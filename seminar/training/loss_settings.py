"""Weights, forms and learning rate of an iteration, worked out from the settings of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from seminar.config.settings import CrfRelaxation, TrainConfig
from seminar.probe.mix import advantages_for
from seminar.training.objectives import TERMS, LossSettings
from seminar.training.schedules import linear_ramp, poly_lr, warmup

PAPER_CROP = 513
"""Side of the paper's crops in pixels, for which sigma_xy is given."""

CLICK_ADVANTAGE = 1.4
"""Of a class's clicks, times its advantage in the probe."""

RAMP_STEPS = 40
"""The consistency's weight grows in at least so many steps, as in the paper.

There a step is an epoch; one epoch of many images can outlast a short stage.
"""


def loss_settings(
    config: TrainConfig,
    counts: Sequence[int],
    iteration: int,
    epoch: int,
    crf_share: float = 1.0,
) -> LossSettings:
    """How the losses of one iteration are computed and weighted, ramps included.

    Parameters
    ----------
    counts : sequence of int
        Clicks of each class.
    iteration : int
        Steps done in the stage.
    epoch : int
        Iterations in which every image is seen once.
    crf_share : float
        Factor of the CRF's weight.
    """
    num_classes = len(counts)
    relaxation, _ = crf_form(config, num_classes)
    confidence, balance = pseudo_form(config, num_classes)
    weights = _weights(config, num_classes, iteration, epoch)
    weights["crf"] *= crf_share
    return LossSettings(
        convention=config.convention,
        weights=weights,
        class_weights=click_weights(counts, config.click_balance),
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


def _weights(config: TrainConfig, num_classes: int, iteration: int, epoch: int) -> dict[str, float]:
    """The weight of every term: its lambda, its ramp, and 0 where it is switched off."""
    iterations = config.iterations
    longest = max(1, math.ceil(config.pcons_ramp * iterations / RAMP_STEPS))
    factors = {
        "crf": (
            crf_form(config, num_classes)[1],
            linear_ramp(iteration + 1, iterations, config.crf_ramp),
        ),
        "pcons": (
            linear_ramp(iteration, iterations, config.pcons_ramp, epoch=min(epoch, longest)),
        ),
    }
    weights = {}
    for name, term in TERMS.items():
        is_on = not term.switch or (
            name in config.losses if term.switch == "losses" else getattr(config, term.switch)
        )
        own = getattr(config, f"lambda_{name}", 1.0)
        weights[name] = math.prod((own, *factors.get(name, ()))) if is_on else 0.0
    return weights


def click_weights(counts: Sequence[int], balance: float) -> tuple[float, ...]:
    """The weight of each class's clicks: their number to the power of -`balance`.

    With balance 1 every class counts as much as any other, however few clicks it has, but for the
    same advantage as in the probe, times `balance`: clicks alone make objects too thin, as they lie
    in the middles of objects and near them. Scaled so that the mean over all clicks is 1; empty for
    0.
    """
    if balance == 0 or not any(counts):
        return ()
    gains = np.exp(balance * CLICK_ADVANTAGE * advantages_for(counts))
    raw = [
        float(gain) * count**-balance if count else 0.0
        for gain, count in zip(gains, counts, strict=True)
    ]
    mean = sum(count * weight for count, weight in zip(counts, raw, strict=True)) / sum(counts)
    return tuple(weight / mean for weight in raw)


def crf_form(config: TrainConfig, num_classes: int) -> tuple[CrfRelaxation, float]:
    """The relaxation of the CRF, and the share of `lambda_crf` that it gets.

    `auto` is Tang et al.'s bilinear form for two classes. With more classes it gives whole regions
    to the class that leads by chance in the first iterations; there `auto` is the quadratic form
    with 2 / classes of the weight (measured, benchmarks/library.md; a departure from the paper).
    """
    if config.crf_relaxation != "auto":
        return config.crf_relaxation, 1.0
    if num_classes <= 2 or config.convention == "paper":
        return "bilinear", 1.0
    return "quadratic", 2 / num_classes


def pseudo_form(config: TrainConfig, num_classes: int) -> tuple[float, float]:
    """The least confidence of a pseudo-label, and how much more scarce classes count.

    A guess among K > 2 classes has a probability of 1 / K instead of 1 / 2, so the least confidence
    is 2 / K of the setting. Two classes are not balanced: the weights made objects too large
    (measured, benchmarks/library.md).
    """
    if num_classes <= 2:
        return config.pseudo_confidence, 0.0
    return config.pseudo_confidence * 2 / num_classes, config.pseudo_balance


def backbone_lr(config: TrainConfig, stage: str, iteration: int) -> float:
    """Learning rate of the backbone.

    In Fig. 4's "unchanged" it stays where the schedule of the first stage ended.
    """
    if stage == "self-generation" and config.self_generation == "unchanged":
        iteration = config.iterations - 1
    rate = poly_lr(config.base_lr, iteration, config.iterations, config.power)
    return rate * warmup(iteration, config.iterations, config.lr_warmup)
