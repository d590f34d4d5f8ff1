"""The objectives' terms against their equations, made in the step or ahead of it, whole or in
parts.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from seminar.config.settings import Convention, CrfRelaxation, TrainConfig
from seminar.config.settings import Term as TermName
from seminar.data.batch import Batch
from seminar.labels import IGNORE_INDEX
from seminar.training.objectives import (
    TERMS,
    Losses,
    LossSettings,
    click_objective,
    counted,
    dense_objective,
    seminar_objective,
    share,
    with_crf_plan,
)
from seminar.training.pseudo_labels import pseudo_labelled

CLASSES = 3

LAMBDAS = {
    "pce": 1,
    "crf": 2,
    "pcons": 3,
    "pseudo": 5,
    "absent": 7,
    "presence": 11,
    "objectness": 13,
}

SETTINGS = LossSettings(
    convention="scale_free",
    weights=LAMBDAS,
    sigma_rgb=90.0,
    sigma_xy=6.0,
    crf_scale=0.5,
    crf_method="exact",
    crf_normalize=False,
    crf_landmarks=64,
    pseudo_confidence=0.4,
    pseudo_balance=0.0,
)


class Pixelwise(nn.Module):
    """A network that looks at one pixel at a time and notes what it was shown."""

    def __init__(self, seed: int = 0, *, channels: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, CLASSES, 1)
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.conv.parameters():
            nn.init.normal_(parameter, std=2.0, generator=generator)
        self.seen: list[Tensor] = []
        self.keeps_graphs: list[bool] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen.append(image)
        self.keeps_graphs.append(torch.is_grad_enabled())
        logits: Tensor = self.conv(image / 255)
        return logits


def crops(count: int = 3, *, size: int = 8, channels: int = 3, seed: int = 0) -> Batch:
    """Crops whose two views, labels, padding and priors have nothing to do with each other."""
    generator = torch.Generator().manual_seed(seed)

    def chance(probability: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) < probability

    valid = torch.ones(count, size, size, dtype=torch.bool)
    for number in range(
        count
    ):  # an even border: a pixel of the halved crop is wholly inside or outside
        valid[number, : 2 * (number % 3), :] = False
        valid[number, :, size - 2 * (number % 2) :] = False
    classes = torch.randint(0, CLASSES, (2, count, size, size), generator=generator)
    clicked, confident = chance(0.15, count, size, size) & valid, chance(0.7, count, size, size)
    return Batch(
        image=255 * torch.rand(count, channels, size, size, generator=generator),
        student_image=255 * torch.rand(count, channels, size, size, generator=generator),
        labels=classes[0].masked_fill(~clicked, IGNORE_INDEX),
        valid=valid,
        absent=chance(0.4, count, CLASSES),
        pseudo_labels=classes[1].masked_fill(~confident, IGNORE_INDEX),
        objectness=torch.rand(count, size, size, generator=generator),
    )


def crf_by_hand(
    probs: Tensor, batch: Batch, convention: Convention, relaxation: CrfRelaxation
) -> Tensor:
    """Tang et al.'s eq. 4 at half resolution, pair by pair; sigma_rgb is meant for three
    channels, sigma_xy for the whole crop.
    """
    image, low, valid = (
        F.avg_pool2d(batch.image, 2),
        F.avg_pool2d(probs, 2),
        batch.valid[:, ::2, ::2],
    )
    sigma_xy, sigma_rgb = SETTINGS.sigma_xy / 2, SETTINGS.sigma_rgb * math.sqrt(image.shape[1] / 3)
    energy = torch.zeros(())
    for number in range(len(image)):
        inside = valid[number]
        places = inside.nonzero().float() / sigma_xy
        features = torch.cat([places, image[number][:, inside].T / sigma_rgb], dim=1)
        kernel = torch.exp(-torch.cdist(features, features).square() / 2)
        given_to = low[number][:, inside]  # (K, P)
        if relaxation == "quadratic":
            for one in given_to:
                energy = energy + (kernel * (one[:, None] - one).square()).sum() / 2
        elif convention == "paper":
            energy = energy - 2e-9 * (given_to @ kernel * given_to).sum() / len(image)
        else:
            energy = energy + (given_to @ kernel * (1 - given_to)).sum()
    return energy if convention == "paper" else energy / (valid.sum() * 2 * math.pi * sigma_xy**2)


def terms_by_hand(
    student: nn.Module,
    teacher: nn.Module,
    batch: Batch,
    convention: Convention,
    relaxation: CrfRelaxation,
) -> dict[str, Tensor]:
    """The terms of `seminar_objective` with SETTINGS, each written out."""
    log_probs = student(batch.student_image).log_softmax(dim=1)
    probs, teacher_probs = log_probs.exp(), teacher(batch.image).softmax(dim=1)
    paper = convention == "paper"

    def cross_entropy(labels: Tensor) -> Tensor:
        number, row, col = (labels != IGNORE_INDEX).nonzero(as_tuple=True)
        loss = -log_probs[number, labels[number, row, col], row, col].mean()
        return loss / len(labels) if paper else loss

    def mean_inside(values: Tensor) -> Tensor:  # (N, H, W)
        return values[batch.valid].mean()

    squared = (probs - teacher_probs).square().sum(dim=1)
    best = []
    for number in range(len(batch)):
        highest = probs[number][:, batch.valid[number]].amax(dim=1)
        here = sorted(set(batch.labels[number].unique().tolist()) - {IGNORE_INDEX})
        gone = batch.absent[number].nonzero().flatten().tolist()
        seen = sum(-highest[k].log() for k in here) / max(1, len(here))
        unseen = sum(-(1 - highest[k]).log() for k in gone) / max(1, len(gone))
        best.append(torch.as_tensor(seen + unseen))
    absent = (-(1 - probs).log() * batch.absent[:, :, None, None]).sum(dim=1)
    prior = batch.objectness
    objects = -(prior * (1 - probs[:, 0]).log() + (1 - prior) * log_probs[:, 0])
    return {
        "pce": cross_entropy(batch.labels),
        "crf": crf_by_hand(probs, batch, convention, relaxation),
        "pcons": (squared * batch.valid).sum() / probs.numel() if paper else mean_inside(squared),
        "pseudo": cross_entropy(torch.where(batch.valid, batch.pseudo_labels, IGNORE_INDEX)),
        "absent": mean_inside(absent),
        "presence": torch.stack(best).mean(),
        "objectness": mean_inside(objects),
    }


@pytest.mark.parametrize(
    ("convention", "relaxation"),
    [("scale_free", "bilinear"), ("scale_free", "quadratic"), ("paper", "bilinear")],
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_term_is_its_equation(
    channels: int, convention: Convention, relaxation: CrfRelaxation
) -> None:
    student, teacher = Pixelwise(1, channels=channels), Pixelwise(2, channels=channels)
    batch = crops(channels=channels)
    changed = dataclasses.replace(SETTINGS, convention=convention, crf_relaxation=relaxation)
    terms = seminar_objective(student, teacher, batch, changed).terms
    by_hand = terms_by_hand(student, teacher, batch, convention, relaxation)
    assert terms.keys() == by_hand.keys()
    for name, value in terms.items():
        torch.testing.assert_close(
            value, by_hand[name], rtol=1e-4, atol=1e-12, msg=lambda text, name=name: name + text
        )


def test_the_table_and_the_settings_know_the_same_terms() -> None:
    fields = {field.name for field in dataclasses.fields(TrainConfig)}
    lambdas = {name.removeprefix("lambda_") for name in fields if name.startswith("lambda_")}
    assert lambdas | {"pce", "full"} == TERMS.keys()
    assert {term.switch for term in TERMS.values()} - {""} <= fields
    listed = {name for name, term in TERMS.items() if term.switch == "losses"}
    assert listed | {"pce", "pseudo", "full"} == set(get_args(TermName))


def test_the_total_is_the_sum_of_the_weighted_terms() -> None:
    terms = {"pce": torch.tensor(1.0), "crf": torch.tensor(10.0), "absent": torch.tensor(100.0)}
    losses = Losses(terms, {"crf": 2.0, "absent": 0.5})
    assert float(losses.total()) == 1 + 2 * 10 + 0.5 * 100
    shares = {"pce": 0.5, "crf": torch.tensor(0.25), "absent": 0.1}
    assert float(losses.total(shares)) == pytest.approx(0.5 * 1 + 0.25 * 2 * 10 + 0.1 * 0.5 * 100)


def test_each_term_is_weighted_by_its_own_lambda() -> None:
    student, teacher, batch = Pixelwise(1), Pixelwise(2), crops()
    first = click_objective(student, teacher, batch, SETTINGS)
    second = seminar_objective(student, teacher, batch, SETTINGS)
    assert first.terms.keys() == LAMBDAS.keys() - {"pseudo"}
    assert second.terms.keys() == LAMBDAS.keys()
    for losses in (first, second):
        assert min(losses.terms.values()) > 0
        expected = sum(LAMBDAS[name] * term.item() for name, term in losses.terms.items())
        assert losses.total().item() == pytest.approx(expected)


@pytest.mark.parametrize("term", ["crf", "pcons", "absent", "presence", "objectness"])
def test_a_weight_of_0_leaves_the_term_out(term: str) -> None:
    teacher, without = Pixelwise(2), dataclasses.replace(SETTINGS, weights=LAMBDAS | {term: 0.0})
    losses = click_objective(Pixelwise(1), teacher, crops(), without)
    assert losses.terms.keys() == LAMBDAS.keys() - {"pseudo", term}
    assert len(teacher.seen) == (term != "pcons")


def test_the_student_sees_the_strong_view_and_all_others_the_plain_one() -> None:
    batch = crops()
    objectives: list[Callable[..., Losses]] = [
        lambda student, teacher, ancillary: dense_objective(student, teacher, batch, SETTINGS),
        lambda student, teacher, ancillary: click_objective(student, teacher, batch, SETTINGS),
        lambda student, teacher, ancillary: seminar_objective(
            student, teacher, pseudo_labelled(batch, ancillary, confidence=0.0), SETTINGS
        ),
    ]
    for number, objective in enumerate(objectives):
        student, teacher, ancillary = Pixelwise(1), Pixelwise(2), Pixelwise(3)
        objective(student, teacher, ancillary)
        assert [image is batch.student_image for image in student.seen] == [True]
        assert [image is batch.image for image in teacher.seen] == [True] * (number > 0)
        assert [image is batch.image for image in ancillary.seen] == [True] * (number > 1)
    ancillary = Pixelwise(3)
    pseudo_labelled(batch, ancillary, confidence=0.0)
    assert [image is batch.image for image in ancillary.seen] == [True]


def test_pseudo_labels_by_image_have_its_clicked_classes_and_the_background_alone() -> None:
    batch, ancillary = crops(), Pixelwise(3)
    num_classes = batch.absent.shape[1]
    for only in range(num_classes):
        absent = torch.ones_like(batch.absent)
        absent[:, only] = False
        made = pseudo_labelled(
            dataclasses.replace(batch, absent=absent), ancillary, confidence=0.0, by_image=True
        )
        assert set(made.pseudo_labels.unique().tolist()) <= {0, only}
    everything = dataclasses.replace(batch, absent=torch.zeros_like(batch.absent))
    free = pseudo_labelled(everything, ancillary, confidence=0.0, by_image=True)
    assert free.pseudo_labels.shape == batch.labels.shape
    assert len(free.pseudo_labels.unique()) > 1


def test_only_the_student_gets_a_gradient() -> None:
    student, teacher, ancillary = Pixelwise(1), Pixelwise(2), Pixelwise(3)
    batch = pseudo_labelled(crops(), ancillary, confidence=0.4)
    seminar_objective(student, teacher, batch, SETTINGS).total().backward()
    assert all(parameter.grad is not None for parameter in student.parameters())
    for network in (teacher, ancillary):
        assert all(parameter.grad is None for parameter in network.parameters())
        assert network.keeps_graphs == [False]


@pytest.mark.parametrize(("convention", "crops_shared"), [("scale_free", 1), ("paper", 3)])
def test_full_supervision_learns_from_every_pixel_of_the_strong_view(
    convention: Convention, crops_shared: int
) -> None:
    student, batch = Pixelwise(1), crops(3)
    generator = torch.Generator().manual_seed(1)
    dense = torch.randint(0, CLASSES, batch.labels.shape, generator=generator)
    changed = dataclasses.replace(SETTINGS, convention=convention)
    losses = dense_objective(
        student, Pixelwise(2), dataclasses.replace(batch, labels=dense), changed
    )
    log_probs = student(batch.student_image).log_softmax(dim=1)
    by_hand = -log_probs.gather(1, dense[:, None]).mean() / crops_shared
    assert losses.terms.keys() == {"full"}
    torch.testing.assert_close(losses.terms["full"], by_hand)
    torch.testing.assert_close(losses.total(), by_hand)


@pytest.mark.parametrize("balance", [0.0, 0.5])
def test_what_lies_on_padding_counts_for_nothing(balance: float) -> None:
    student, teacher, ancillary, batch = Pixelwise(1), Pixelwise(2), Pixelwise(3), crops()
    inside = batch.valid[:, None]
    other = dataclasses.replace(
        batch,
        image=torch.where(inside, batch.image, 255 - batch.image),
        student_image=torch.where(inside, batch.student_image, 255 - batch.student_image),
        objectness=torch.where(batch.valid, batch.objectness, 1 - batch.objectness),
        pseudo_labels=torch.where(batch.valid, batch.pseudo_labels, 1),
    )
    changed = dataclasses.replace(SETTINGS, pseudo_balance=balance)
    labellings: list[Callable[[Batch], Batch]] = [
        lambda each: each,
        lambda each: pseudo_labelled(each, ancillary, confidence=0.4),
    ]
    for label in labellings:
        one, two = (
            seminar_objective(student, teacher, label(each), changed).terms
            for each in (batch, other)
        )
        for name in LAMBDAS:
            torch.testing.assert_close(
                one[name], two[name], msg=lambda text, name=name: name + text
            )


def test_pseudo_labels_are_what_the_ancillary_says_where_it_is_sure() -> None:
    ancillary, batch = Pixelwise(3), crops()
    probs = ancillary(batch.image).softmax(dim=1)
    best, expected = probs.max(dim=1)
    made = pseudo_labelled(batch, ancillary, confidence=0.6)
    assert 0 < int((best >= 0.6).sum()) < best.numel()
    assert torch.equal(made.pseudo_labels, torch.where(best >= 0.6, expected, IGNORE_INDEX))
    assert made.labels is batch.labels
    by_hand = dataclasses.replace(
        batch, pseudo_labels=torch.where(best >= 0.6, expected, IGNORE_INDEX)
    )
    from_network, from_labels = (
        seminar_objective(Pixelwise(1), Pixelwise(2), each, SETTINGS).terms["pseudo"]
        for each in (made, by_hand)
    )
    torch.testing.assert_close(from_network, from_labels, rtol=0, atol=0)


def test_the_scarce_class_counts_more_where_the_settings_say_so() -> None:
    """9 pixels of class 0 and 1 of class 1 at balance 1/2: each weighs 1/3 against 1, scaled to
    a mean of 1.
    """
    student, batch = Pixelwise(1), crops(1, size=4)
    labels = torch.full((1, 4, 4), IGNORE_INDEX)
    labels.view(-1)[:10] = torch.tensor([0] * 9 + [1])
    batch = dataclasses.replace(batch, pseudo_labels=labels, valid=torch.ones_like(batch.valid))
    log_probs = student(batch.student_image).log_softmax(dim=1)[0].flatten(1)
    common, scarce = log_probs[0, :9].sum(), log_probs[1, 9]
    balanced = dataclasses.replace(SETTINGS, pseudo_balance=0.5)
    term = seminar_objective(student, Pixelwise(2), batch, balanced).terms["pseudo"]
    torch.testing.assert_close(term, -(common / 3 + scarce) / (9 / 3 + 1))


def test_what_the_terms_are_means_over_is_counted() -> None:
    batch = crops(2, size=4)
    labels = torch.full((2, 4, 4), IGNORE_INDEX)
    labels[0, 0, :3] = 1
    labels[1, 3, 3] = 0
    valid = torch.ones(2, 4, 4, dtype=torch.bool)
    valid[1, :, 2:] = False
    pseudo = torch.zeros(2, 4, 4, dtype=torch.long)
    pseudo[0, 0] = IGNORE_INDEX
    batch = dataclasses.replace(batch, labels=labels, valid=valid, pseudo_labels=pseudo)
    assert counted(batch, 0.5).tolist() == [2, 4, 12 + 8, 16 + 8, 4 + 2]
    assert counted(batch, 1.0).tolist() == [2, 4, 20, 24, 24]
    none = dataclasses.replace(batch, pseudo_labels=torch.zeros(2, 0))
    assert counted(none, 0.5).tolist() == [2, 4, 0, 24, 6]


@settings(max_examples=15)
@given(
    count=st.integers(2, 5),
    data=st.data(),
    convention=st.sampled_from(["scale_free", "paper"]),
    balance=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 1000),
)
def test_the_shares_of_the_parts_add_up_to_the_whole(
    count: int, data: st.DataObject, convention: Convention, balance: float, seed: int
) -> None:
    cut = data.draw(st.integers(1, count - 1))
    student, teacher = Pixelwise(1).requires_grad_(False), Pixelwise(2)
    batch = crops(count, seed=seed)
    torn = torch.rand(batch.valid.shape, generator=torch.Generator().manual_seed(seed)) < 0.6
    batch = dataclasses.replace(
        batch, valid=torn
    )  # the CRF's halved crops have another share of it
    changed = dataclasses.replace(SETTINGS, convention=convention, pseudo_balance=balance)
    dense = dataclasses.replace(batch, labels=batch.pseudo_labels)

    def terms(of: Batch, dense: Batch) -> dict[str, Tensor]:
        return {
            **seminar_objective(student, teacher, of, changed).terms,
            **dense_objective(student, teacher, dense, changed).terms,
        }

    whole, whole_count = terms(batch, dense), counted(batch, 0.5)
    dense_count = counted(dense, 0.5)
    sums = dict.fromkeys(whole, 0.0)
    for start, stop in ((0, cut), (cut, count)):
        part, dense_part = batch.part(start, stop), dense.part(start, stop)
        for name, term in terms(part, dense_part).items():
            mine, all_of_it = (
                (counted(dense_part, 0.5), dense_count)
                if name == "full"
                else (counted(part, 0.5), whole_count)
            )
            sums[name] += float(share(name, mine, all_of_it, convention) * term)
    assert whole.keys() == LAMBDAS.keys() | {"full"}
    for name, value in whole.items():
        assert sums[name] == pytest.approx(float(value), rel=1e-4, abs=1e-13), name


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_plan_made_ahead_changes_neither_loss_nor_gradient(
    channels: int, normalize: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    planning = dataclasses.replace(
        SETTINGS, crf_method="nystrom", crf_normalize=normalize, sigma_rgb=15.0
    )
    network, teacher, batch = (
        Pixelwise(1, channels=channels),
        Pixelwise(2, channels=channels),
        crops(3, size=32),
    )
    smooth = F.interpolate(
        torch.rand(3, channels, 4, 4, generator=torch.Generator().manual_seed(0)) * 255, size=32
    )
    batch = dataclasses.replace(batch, image=smooth, student_image=255 - smooth)

    def of_part(whole: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        term = click_objective(network, teacher, whole.part(1, 3), planning).terms["crf"]
        return term, torch.autograd.grad(term, list(network.parameters()))

    planned = with_crf_plan(batch, planning)
    assert planned.crf_plan is not None
    within = of_part(batch)
    monkeypatch.setattr(
        "seminar.losses.dense_crf.energy.plan_nystrom", None
    )  # not made a second time
    ahead = of_part(planned)
    assert within[0] > 0
    assert torch.equal(ahead[0], within[0])
    for one, other in zip(ahead[1], within[1], strict=True):
        assert torch.equal(one, other)


def test_no_plan_is_made_where_none_is_used() -> None:
    batch, planning = crops(), dataclasses.replace(SETTINGS, crf_method="nystrom")
    without = dataclasses.replace(planning, weights=LAMBDAS | {"crf": 0.0})
    assert with_crf_plan(batch, without).crf_plan is None
    assert (
        with_crf_plan(batch, dataclasses.replace(planning, crf_method="lattice")).crf_plan is None
    )
