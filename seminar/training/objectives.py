"""The loss terms, one row each, and the sum of them that each stage minimises."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from seminar.config.settings import Convention, CrfMethod, CrfRelaxation
from seminar.data.batch import Batch
from seminar.labels import IGNORE_INDEX
from seminar.losses.consistency import pixel_consistency
from seminar.losses.cross_entropy import absent_class, balanced_cross_entropy, partial_cross_entropy
from seminar.losses.dense_crf.at_scale import dense_crf_at_scale, prepare_at_scale, valid_at_scale
from seminar.losses.image_level import objectness_prior, presence


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """How the terms of one step are computed and weighted.

    Attributes
    ----------
    weights : mapping of str to float
        By term, ramps included; 0 leaves out a term that has a switch.
    class_weights : tuple of float
        Of the clicks of each class; empty weighs all alike.
    sigma_xy : float
        In pixels of the full crop.
    crf_scale : float
        Resolution of the CRF relative to the crop.
    """

    convention: Convention
    weights: Mapping[str, float]
    class_weights: tuple[float, ...] = ()
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
    """The losses of one step.

    Attributes
    ----------
    terms : mapping of str to Tensor, scalar
        The unweighted terms by name.
    weights : mapping of str to float
        Weight of each term; 1 where it is not named.
    """

    terms: Mapping[str, Tensor]
    weights: Mapping[str, float]

    def total(self, shares: Mapping[str, Tensor | float] | None = None) -> Tensor:
        """The weighted sum that is minimised, a scalar.

        `shares` scales the terms of a part of a batch, so that all parts add up to the loss of the
        batch.
        """
        shares = shares or {}
        return torch.stack(
            [
                shares.get(name, 1.0) * self.weights.get(name, 1.0) * term
                for name, term in self.terms.items()
            ]
        ).sum()


@dataclass(frozen=True)
class Pass:
    """A batch that went through the student; the terms are computed from it."""

    logits: Tensor
    """(N, K, H, W) of the student."""
    teacher: nn.Module
    batch: Batch
    settings: LossSettings

    @cached_property
    def probs(self) -> Tensor:
        """(N, K, H, W) float32 of the student."""
        return self.logits.float().softmax(dim=1)

    @cached_property
    def teacher_probs(self) -> Tensor:
        """(N, K, H, W) float32, without a gradient."""
        with torch.no_grad():
            probs: Tensor = self.teacher(self.batch.image).float().softmax(dim=1)
        return probs

    @cached_property
    def clicked(self) -> Tensor:
        """(N, K) bool: the classes that are clicked in each crop."""
        labels, num_classes = self.batch.labels, self.logits.shape[1]
        counts = torch.zeros(len(labels), num_classes + 1, device=labels.device)
        counts.scatter_(1, labels.flatten(1).clamp(max=num_classes), 1.0)
        return counts[:, :num_classes].bool()


Count = Literal["crops", "clicked", "pseudo", "valid", "low"]
"""Things that a term is a mean over: crops, and pixels with a click, with a pseudo-label, inside
the image, and inside it at the resolution of the CRF."""

COUNTS: tuple[Count, ...] = get_args(Count)


@dataclass(frozen=True)
class Term:
    """A loss term. Its weight is the setting `lambda_<name>`, or 1 where there is none.

    Attributes
    ----------
    compute : callable
        From a `Pass` to a scalar.
    mean_over : tuple of Count
        Things whose number the value is divided by.
    paper_mean_over : tuple of Count
        The same in the paper's convention, where it differs.
    switch : str
        The setting that turns the term on; "losses" where its name is listed there, "" where its
        stage decides.
    """

    compute: Callable[[Pass], Tensor]
    mean_over: tuple[Count, ...]
    paper_mean_over: tuple[Count, ...] = ()
    switch: str = "losses"


def _click_cross_entropy(of: Pass) -> Tensor:
    settings = of.settings
    return partial_cross_entropy(
        of.logits,
        of.batch.labels,
        class_weights=settings.class_weights,
        convention=settings.convention,
    )


def _dense_cross_entropy(of: Pass) -> Tensor:
    return partial_cross_entropy(of.logits, of.batch.labels, convention=of.settings.convention)


def _pseudo_cross_entropy(of: Pass) -> Tensor:
    return balanced_cross_entropy(
        of.logits,
        of.batch.pseudo_labels.masked_fill(~of.batch.valid, IGNORE_INDEX),
        balance=of.settings.pseudo_balance,
        convention=of.settings.convention,
    )


def _consistency(of: Pass) -> Tensor:
    return pixel_consistency(
        of.probs, of.teacher_probs, of.batch.valid, convention=of.settings.convention
    )


def _crf(of: Pass) -> Tensor:
    settings, batch = of.settings, of.batch
    return dense_crf_at_scale(
        of.probs,
        batch.image,
        batch.valid,
        scale=settings.crf_scale,
        sigma_rgb=settings.sigma_rgb,
        sigma_xy=settings.sigma_xy,
        method=settings.crf_method,
        landmarks=settings.crf_landmarks,
        convention=settings.convention,
        normalize=settings.crf_normalize,
        relaxation=settings.crf_relaxation,
        prepared=batch.crf_plan,
    )


TERMS: Mapping[str, Term] = {
    "pce": Term(_click_cross_entropy, ("clicked",), ("clicked", "crops"), switch=""),
    "crf": Term(_crf, ("low",), ("crops",)),
    "pcons": Term(_consistency, ("valid",), ("crops",)),
    "absent": Term(
        lambda of: absent_class(of.logits, of.batch.absent, of.batch.valid),
        ("valid",),
        switch="absent_class",
    ),
    "presence": Term(
        lambda of: presence(of.logits, of.clicked, of.batch.absent, of.batch.valid), ("crops",)
    ),
    "objectness": Term(
        lambda of: objectness_prior(of.logits, of.batch.objectness, of.batch.valid),
        ("valid",),
        switch="objectness",
    ),
    "pseudo": Term(_pseudo_cross_entropy, ("pseudo",), ("pseudo", "crops"), switch=""),
    "full": Term(_dense_cross_entropy, ("clicked",), ("clicked", "crops"), switch=""),
}
"""All terms, in the order in which they are computed and added up."""


def dense_objective(
    student: nn.Module, teacher: nn.Module, batch: Batch, settings: LossSettings
) -> Losses:
    """Full supervision, the upper bound: cross-entropy on dense masks."""
    return _losses(("full",), student, teacher, batch, settings)


def click_objective(
    student: nn.Module, teacher: nn.Module, batch: Batch, settings: LossSettings
) -> Losses:
    """Ancillary: L* = L_pCE + lambda_CRF L_CRF + lambda_pCons L_pCons (eq. 1 of section 3.1)."""
    return _losses(("pce", *_switched_on(settings)), student, teacher, batch, settings)


def seminar_objective(
    student: nn.Module, teacher: nn.Module, batch: Batch, settings: LossSettings
) -> Losses:
    """Primary: L = L* + lambda_pseudo L_pseudo (eq. 7), with the pseudo-labels of the batch."""
    return _losses(("pce", *_switched_on(settings), "pseudo"), student, teacher, batch, settings)


def _switched_on(settings: LossSettings) -> list[str]:
    return [name for name, term in TERMS.items() if term.switch and settings.weights.get(name)]


def _losses(
    names: Collection[str],
    student: nn.Module,
    teacher: nn.Module,
    batch: Batch,
    settings: LossSettings,
) -> Losses:
    one_pass = Pass(student(batch.student_image), teacher, batch, settings)
    terms = {name: TERMS[name].compute(one_pass) for name in names}
    return Losses(terms, settings.weights)


def counted(batch: Batch, crf_scale: float) -> Tensor:
    """The sizes of a batch that its terms are means over, (5,) float32, in the order of COUNTS."""
    labelled = batch.pseudo_labels != IGNORE_INDEX
    pseudo = labelled & batch.valid if labelled.shape == batch.valid.shape else labelled[:, :0]
    low = valid_at_scale(batch.valid, crf_scale)
    sums = [mask.sum() for mask in (batch.labels != IGNORE_INDEX, pseudo, batch.valid, low)]
    return torch.stack([torch.full_like(sums[0], len(batch)), *sums]).float()


def share(term: str, part: Tensor, whole: Tensor, convention: Convention) -> Tensor:
    """Share of a part's mean in the mean of the whole batch, a scalar.

    Parameters
    ----------
    part, whole : Tensor, (5,) float32
        `counted` of both.
    """
    row = TERMS[term]
    over = row.paper_mean_over if convention == "paper" and row.paper_mean_over else row.mean_over
    quotients = dict(zip(COUNTS, part / whole.clamp(min=1), strict=True))
    return torch.stack([quotients[count] for count in over]).prod()


def with_crf_plan(batch: Batch, settings: LossSettings) -> Batch:
    """Add the part of the CRF that depends on the crops alone, for a loader to make ahead.

    Losses and gradients are the same, bit for bit, with the plan and without. The batch stays as
    it is where the CRF is off or of another method.
    """
    if not settings.weights.get("crf") or settings.crf_method != "nystrom":
        return batch
    plan = prepare_at_scale(
        batch.image,
        batch.valid,
        scale=settings.crf_scale,
        sigma_rgb=settings.sigma_rgb,
        sigma_xy=settings.sigma_xy,
        landmarks=settings.crf_landmarks,
        normalize=settings.crf_normalize,
    )
    return dataclasses.replace(batch, crf_plan=plan)
