"""What each stage minimises, one function a stage, to be read against its equation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seminar.config import Convention, CrfMethod
from seminar.dataset import Batch
from seminar.labels import IGNORE_INDEX
from seminar.losses.consistency import pixel_consistency
from seminar.losses.cross_entropy import absent_class, partial_cross_entropy
from seminar.losses.dense_crf import LandmarkWarning, dense_crf
from seminar.pseudo_labels import pseudo_label


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """How the terms are computed and weighted in one step; a weight of 0 leaves its term out.

    Attributes
    ----------
    lambda_crf, lambda_pcons, lambda_pseudo, lambda_absent : float
        Weights, ramps included.
    sigma_xy : float
        In pixels of the full crop.
    crf_scale : float
        Resolution of the CRF against the crop.
    """

    convention: Convention
    lambda_crf: float
    lambda_pcons: float
    lambda_pseudo: float
    lambda_absent: float
    sigma_rgb: float
    sigma_xy: float
    crf_scale: float
    crf_method: CrfMethod
    crf_normalize: bool
    crf_landmarks: int
    pseudo_confidence: float


@dataclass(frozen=True)
class Losses:
    """One step's losses.

    Attributes
    ----------
    terms : mapping of str to Tensor, scalar
        The unweighted terms by name: pce, crf, pcons, pseudo, absent, full.
    weights : mapping of str to float
        What each is multiplied by; 1 where it is not named.
    """

    terms: Mapping[str, Tensor]
    weights: Mapping[str, float]

    def total(self, shares: Mapping[str, Tensor | float] | None = None) -> Tensor:
        """What is minimised, a scalar. `shares` scales the terms of a part of a batch so that all parts add up to the batch's loss."""
        shares = shares or {}
        return torch.stack(
            [shares.get(name, 1.0) * self.weights.get(name, 1.0) * term for name, term in self.terms.items()]
        ).sum()


def dense_objective(student: nn.Module, batch: Batch, settings: LossSettings) -> Losses:
    """Full supervision, the upper bound: cross-entropy on dense masks."""
    logits = student(batch.student_image)
    return Losses({"full": partial_cross_entropy(logits, batch.labels, convention=settings.convention)}, {})


def click_objective(student: nn.Module, teacher: nn.Module, batch: Batch, settings: LossSettings) -> Losses:
    """L* = L_pCE + lambda_CRF L_CRF + lambda_pCons L_pCons (eq. 1 of section 3.1), the ancillary stage."""
    logits = student(batch.student_image)
    return Losses(_click_terms(logits, teacher, batch, settings), _weights(settings))


def seminar_objective(
    student: nn.Module, teacher: nn.Module, ancillary: nn.Module | None, batch: Batch, settings: LossSettings
) -> Losses:
    """L = L* + lambda_pseudo L_pseudo (eq. 7), the primary stage.

    Parameters
    ----------
    ancillary : Module or None
        The frozen, fully trained network of the stage before; None takes `batch.pseudo_labels`, labels of another origin.
    """
    logits = student(batch.student_image)
    terms = _click_terms(logits, teacher, batch, settings)
    target = batch.pseudo_labels
    if ancillary is not None:
        with torch.no_grad():
            target = pseudo_label(ancillary(batch.image).softmax(dim=1), confidence=settings.pseudo_confidence)
    target = target.masked_fill(~batch.valid, IGNORE_INDEX)
    terms["pseudo"] = partial_cross_entropy(logits, target, convention=settings.convention)
    return Losses(terms, _weights(settings))


def _click_terms(logits: Tensor, teacher: nn.Module, batch: Batch, settings: LossSettings) -> dict[str, Tensor]:
    terms = {"pce": partial_cross_entropy(logits, batch.labels, convention=settings.convention)}
    probs = logits.float().softmax(dim=1)
    if settings.lambda_crf:
        terms["crf"] = _crf_at_low_resolution(probs, batch, settings)
    if settings.lambda_pcons:
        with torch.no_grad():
            teacher_probs = teacher(batch.image).float().softmax(dim=1)
        terms["pcons"] = pixel_consistency(probs, teacher_probs, batch.valid, convention=settings.convention)
    if settings.lambda_absent:
        terms["absent"] = absent_class(logits, batch.absent, batch.valid)
    return terms


def _crf_at_low_resolution(probs: Tensor, batch: Batch, settings: LossSettings) -> Tensor:
    """The CRF on probabilities by bilinear, colours by area and validity by nearest resampling, as Tang et al. do.

    sigma_rgb is meant for three channels: it grows with the root of the number of channels, so that a grey image weighs the same as
    its RGB copy.
    """
    size = [max(1, round(side * settings.crf_scale)) for side in probs.shape[-2:]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LandmarkWarning)  # on noisy crops a rough kernel still regularises
        return dense_crf(
            F.interpolate(probs, size=size, mode="bilinear", align_corners=False),
            F.interpolate(batch.image.float(), size=size, mode="area"),
            valid=F.interpolate(batch.valid[:, None].float(), size=size, mode="nearest")[:, 0] > 0.5,
            sigma_rgb=settings.sigma_rgb * math.sqrt(batch.image.shape[1] / 3),
            sigma_xy=settings.sigma_xy * settings.crf_scale,
            method=settings.crf_method,
            landmarks=settings.crf_landmarks,
            convention=settings.convention,
            normalize=settings.crf_normalize,
        )


def _weights(settings: LossSettings) -> dict[str, float]:
    return {
        "crf": settings.lambda_crf,
        "pcons": settings.lambda_pcons,
        "pseudo": settings.lambda_pseudo,
        "absent": settings.lambda_absent,
    }
