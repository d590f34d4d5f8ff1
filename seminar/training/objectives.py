"""What each stage minimises, one function a stage, to be read against its equation."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seminar.config.settings import Convention, CrfMethod
from seminar.data.dataset import Batch
from seminar.labels import IGNORE_INDEX
from seminar.losses.consistency import pixel_consistency
from seminar.losses.cross_entropy import absent_class, balanced_cross_entropy, partial_cross_entropy
from seminar.losses.dense_crf import (
    CrfRelaxation,
    LandmarkWarning,
    NystromPlan,
    dense_crf,
    prepare_dense_crf,
)
from seminar.losses.image_level import objectness_prior, presence
from seminar.training.pseudo_labels import pseudo_label


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """How the terms are computed and weighted in one step; a weight of 0 leaves its term out.

    Attributes
    ----------
    lambda_crf, lambda_pcons, lambda_pseudo, lambda_absent, lambda_presence, lambda_objectness :
    float
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
    lambda_presence: float = 0.0
    lambda_objectness: float = 0.0
    sigma_rgb: float
    sigma_xy: float
    crf_scale: float
    crf_method: CrfMethod
    crf_normalize: bool
    crf_relaxation: CrfRelaxation = "bilinear"
    crf_landmarks: int
    pseudo_confidence: float
    pseudo_balance: float


@dataclass(frozen=True)
class Losses:
    """One step's losses.

    Attributes
    ----------
    terms : mapping of str to Tensor, scalar
        The unweighted terms by name: pce, crf, pcons, pseudo, absent, presence, objectness, full.
    weights : mapping of str to float
        What each is multiplied by; 1 where it is not named.
    """

    terms: Mapping[str, Tensor]
    weights: Mapping[str, float]

    def total(self, shares: Mapping[str, Tensor | float] | None = None) -> Tensor:
        """What is minimised, a scalar. `shares` scales the terms of a part of a batch so that
        all parts add up to the batch's loss.
        """
        shares = shares or {}
        return torch.stack(
            [
                shares.get(name, 1.0) * self.weights.get(name, 1.0) * term
                for name, term in self.terms.items()
            ]
        ).sum()


def dense_objective(student: nn.Module, batch: Batch, settings: LossSettings) -> Losses:
    """Full supervision, the upper bound: cross-entropy on dense masks."""
    logits = student(batch.student_image)
    return Losses(
        {"full": partial_cross_entropy(logits, batch.labels, convention=settings.convention)}, {}
    )


def click_objective(
    student: nn.Module, teacher: nn.Module, batch: Batch, settings: LossSettings
) -> Losses:
    """L* = L_pCE + lambda_CRF L_CRF + lambda_pCons L_pCons (eq. 1 of section 3.1), the ancillary
    stage.
    """
    logits = student(batch.student_image)
    return Losses(_click_terms(logits, teacher, batch, settings), _weights(settings))


def seminar_objective(
    student: nn.Module,
    teacher: nn.Module,
    ancillary: nn.Module | None,
    batch: Batch,
    settings: LossSettings,
) -> Losses:
    """L = L* + lambda_pseudo L_pseudo (eq. 7), the primary stage.

    Parameters
    ----------
    ancillary : Module or None
        The frozen, fully trained network of the stage before; None takes `batch.pseudo_labels`,
        labels of another origin.
    """
    logits = student(batch.student_image)
    terms = _click_terms(logits, teacher, batch, settings)
    if ancillary is not None:
        batch = pseudo_labelled(batch, ancillary, confidence=settings.pseudo_confidence)
    target = batch.pseudo_labels.masked_fill(~batch.valid, IGNORE_INDEX)
    terms["pseudo"] = balanced_cross_entropy(
        logits, target, balance=settings.pseudo_balance, convention=settings.convention
    )
    return Losses(terms, _weights(settings))


def pseudo_labelled(batch: Batch, ancillary: nn.Module, *, confidence: float) -> Batch:
    """The batch with what a frozen network says of its crops (eq. 6's target) as its
    pseudo-labels.
    """
    with torch.no_grad():
        labels = pseudo_label(ancillary(batch.image).softmax(dim=1), confidence=confidence)
    return dataclasses.replace(batch, pseudo_labels=labels)


def counted(batch: Batch, crf_scale: float) -> Tensor:
    """What the terms are means over, (5,) float32: crops, clicked pixels, pseudo-labelled ones,
    valid ones, valid ones where the CRF is computed.
    """
    labelled = batch.pseudo_labels != IGNORE_INDEX
    pseudo = labelled & batch.valid if labelled.shape == batch.valid.shape else labelled[:, :0]
    low = _valid_at(batch.valid, _low_size(batch.valid.shape[-2:], crf_scale))
    sums = [mask.sum() for mask in (batch.labels != IGNORE_INDEX, pseudo, batch.valid, low)]
    return torch.stack([torch.full_like(sums[0], len(batch)), *sums]).float()


def share(term: str, part: Tensor, whole: Tensor, convention: Convention) -> Tensor:
    """What a part's mean counts for in the whole batch's mean, a scalar, from the `counted` of
    both.
    """
    crops, clicked, pseudo, valid, low = (part / whole.clamp(min=1)).unbind()
    if term in ("pce", "full", "pseudo"):
        pixels = pseudo if term == "pseudo" else clicked
        return pixels * crops if convention == "paper" else pixels
    if term == "presence":
        return crops
    if term in ("absent", "objectness"):
        return valid
    if convention == "paper":
        return crops
    return low if term == "crf" else valid


def _click_terms(
    logits: Tensor, teacher: nn.Module, batch: Batch, settings: LossSettings
) -> dict[str, Tensor]:
    terms = {"pce": partial_cross_entropy(logits, batch.labels, convention=settings.convention)}
    probs = logits.float().softmax(dim=1)
    if settings.lambda_crf:
        terms["crf"] = _crf_at_low_resolution(probs, batch, settings)
    if settings.lambda_pcons:
        with torch.no_grad():
            teacher_probs = teacher(batch.image).float().softmax(dim=1)
        terms["pcons"] = pixel_consistency(
            probs, teacher_probs, batch.valid, convention=settings.convention
        )
    if settings.lambda_absent:
        terms["absent"] = absent_class(logits, batch.absent, batch.valid)
    if settings.lambda_presence:
        terms["presence"] = presence(
            logits, _clicked(batch.labels, logits.shape[1]), batch.absent, batch.valid
        )
    if settings.lambda_objectness:
        terms["objectness"] = objectness_prior(logits, batch.objectness, batch.valid)
    return terms


def _clicked(labels: Tensor, num_classes: int) -> Tensor:
    """(N, K) bool: which classes are clicked in each crop."""
    counts = torch.zeros(len(labels), num_classes + 1, device=labels.device)
    return counts.scatter_(1, labels.flatten(1).clamp(max=num_classes), 1.0)[:, :num_classes].bool()


def with_crf_plan(batch: Batch, settings: LossSettings) -> Batch:
    """The batch with all of the CRF that depends on its crops alone, for a loader to make ahead; as
    it is where there is nothing to make.

    Losses and gradients are the same, bit for bit, with the plan and without.
    """
    if not settings.lambda_crf or settings.crf_method != "nystrom":
        return batch
    image, valid = _crops_at_low_resolution(batch, settings)
    plan = prepare_dense_crf(
        image,
        valid=valid,
        sigma_rgb=_sigma_rgb(batch, settings),
        sigma_xy=settings.sigma_xy * settings.crf_scale,
        landmarks=settings.crf_landmarks,
        normalize=settings.crf_normalize,
    )
    assert isinstance(plan, NystromPlan)
    return dataclasses.replace(batch, crf_plan=plan)


def _crf_at_low_resolution(probs: Tensor, batch: Batch, settings: LossSettings) -> Tensor:
    """The CRF on probabilities by bilinear, colours by area and validity by nearest resampling,
    as Tang et al. do.
    """
    image, valid = _crops_at_low_resolution(batch, settings)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", LandmarkWarning
        )  # on noisy crops a rough kernel still regularises
        return dense_crf(
            F.interpolate(probs, size=image.shape[-2:], mode="bilinear", align_corners=False),
            image,
            valid=valid,
            sigma_rgb=_sigma_rgb(batch, settings),
            sigma_xy=settings.sigma_xy * settings.crf_scale,
            method=settings.crf_method,
            landmarks=settings.crf_landmarks,
            convention=settings.convention,
            normalize=settings.crf_normalize,
            relaxation=settings.crf_relaxation,
            prepared=batch.crf_plan,
        )


def _crops_at_low_resolution(batch: Batch, settings: LossSettings) -> tuple[Tensor, Tensor]:
    size = _low_size(batch.image.shape[-2:], settings.crf_scale)
    return F.interpolate(batch.image.float(), size=size, mode="area"), _valid_at(batch.valid, size)


def _sigma_rgb(batch: Batch, settings: LossSettings) -> float:
    """Meant for three channels: it grows with the root of their number, so that a grey image
    weighs the same as its RGB copy.
    """
    return settings.sigma_rgb * math.sqrt(batch.image.shape[1] / 3)


def _low_size(size: Sequence[int], crf_scale: float) -> list[int]:
    return [max(1, round(side * crf_scale)) for side in size]


def _valid_at(valid: Tensor, size: list[int]) -> Tensor:
    return F.interpolate(valid[:, None].float(), size=size, mode="nearest")[:, 0] > 0.5


def _weights(settings: LossSettings) -> dict[str, float]:
    return {
        "crf": settings.lambda_crf,
        "pcons": settings.lambda_pcons,
        "pseudo": settings.lambda_pseudo,
        "absent": settings.lambda_absent,
        "presence": settings.lambda_presence,
        "objectness": settings.lambda_objectness,
    }
