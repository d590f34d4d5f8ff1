"""Cross-entropy on clicks and on absent classes."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from seminar.losses.cross_entropy import absent_class, balanced_cross_entropy, partial_cross_entropy


def test_on_a_dense_mask_it_is_the_ordinary_cross_entropy() -> None:
    logits, labels = torch.randn(2, 5, 6, 7), torch.randint(0, 5, (2, 6, 7))
    torch.testing.assert_close(
        partial_cross_entropy(logits, labels), F.cross_entropy(logits, labels)
    )


def test_unclicked_pixels_count_for_nothing() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    labels = torch.full((1, 4, 4), 255)
    labels[0, 1, 2] = 2
    loss = partial_cross_entropy(logits, labels)
    torch.testing.assert_close(loss, -logits.log_softmax(1)[0, 2, 1, 2])
    (slope,) = torch.autograd.grad(loss, logits)
    assert slope[0, :, labels[0] == 255].abs().max() == 0


@pytest.mark.parametrize("convention", ["scale_free", "paper"])
def test_without_any_click_loss_and_gradient_are_zero(convention: str) -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = partial_cross_entropy(logits, torch.full((2, 4, 4), 255), convention=convention)  # type: ignore[arg-type]
    loss.backward()
    assert loss == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@given(repeats=st.integers(1, 5))
def test_the_scale_does_not_depend_on_the_batch(repeats: int) -> None:
    logits, labels = torch.randn(1, 3, 4, 4), torch.randint(0, 3, (1, 4, 4))
    many = partial_cross_entropy(logits.repeat(repeats, 1, 1, 1), labels.repeat(repeats, 1, 1))
    torch.testing.assert_close(many, partial_cross_entropy(logits, labels))


def test_the_paper_divides_by_the_batch_once_more() -> None:
    logits, labels = torch.randn(12, 3, 4, 4), torch.randint(0, 3, (12, 4, 4))
    paper = partial_cross_entropy(logits, labels, convention="paper")
    torch.testing.assert_close(12 * paper, partial_cross_entropy(logits, labels))


def test_absent_classes_are_pushed_down_on_valid_pixels_only() -> None:
    logits = torch.zeros(1, 4, 2, 2, requires_grad=True)
    absent = torch.tensor([[False, False, True, True]])
    valid = torch.tensor([[[True, False], [False, False]]])
    loss = absent_class(logits, absent, valid)
    torch.testing.assert_close(loss, -2 * torch.log(torch.tensor(0.75)))
    (slope,) = torch.autograd.grad(loss, logits)
    assert slope[0, 2, 0, 0] > 0
    assert slope[0, :, 1].abs().max() == 0


def test_a_sure_prediction_of_an_absent_class_stays_finite() -> None:
    logits = torch.tensor([[[[0.0]], [[200.0]]]], requires_grad=True)
    loss = absent_class(
        logits, torch.tensor([[False, True]]), torch.ones(1, 1, 1, dtype=torch.bool)
    )
    loss.backward()
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@given(balance=st.floats(0, 1), repeats=st.integers(1, 3))
def test_balanced_all_classes_alike_it_is_the_ordinary_one(balance: float, repeats: int) -> None:
    logits = torch.randn(repeats, 3, 4, 6)
    labels = torch.arange(3).repeat(repeats, 4, 2)
    balanced = balanced_cross_entropy(logits, labels, balance=balance)
    torch.testing.assert_close(balanced, partial_cross_entropy(logits, labels))


def test_balanced_a_scarce_class_has_more_of_a_say() -> None:
    logits = torch.randn(2, 3, 4, 4)
    labels = torch.zeros(2, 4, 4, dtype=torch.long)
    labels[0, 0, 0], labels[1] = 2, 255
    each = F.cross_entropy(logits, labels, ignore_index=255, reduction="none")[0]
    rare, common = each[0, 0], each.sum() - each[0, 0]
    equal = balanced_cross_entropy(logits, labels, balance=1)
    torch.testing.assert_close(equal, (rare + common / 15) / 2)
    root = balanced_cross_entropy(logits, labels, balance=0.5)
    torch.testing.assert_close(root, (rare + common / 15**0.5) / (1 + 15**0.5))


@given(balance=st.floats(0, 1))
def test_balanced_parts_of_a_batch_add_up(balance: float) -> None:
    logits, labels = torch.randn(3, 4, 5, 5), torch.randint(0, 4, (3, 5, 5))
    labels[:, 0] = 255
    labels[1, 1:3] = 255
    parts = [
        balanced_cross_entropy(logits[i : i + 1], labels[i : i + 1], balance=balance)
        for i in range(3)
    ]
    pixels = (labels != 255).sum(dim=(1, 2))
    torch.testing.assert_close(
        balanced_cross_entropy(logits, labels, balance=balance),
        (torch.stack(parts) * pixels).sum() / pixels.sum(),
    )


@pytest.mark.parametrize("convention", ["scale_free", "paper"])
def test_balanced_without_any_label_loss_and_gradient_are_zero(convention: str) -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    labels = torch.full((2, 4, 4), 255)
    balanced_cross_entropy(logits, labels, balance=0.5, convention=convention).backward()  # type: ignore[arg-type]
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_the_clicks_of_a_class_weigh_what_they_are_given() -> None:
    """By hand: the mean of weight times loss, over the clicks and not over the weights."""
    logits = torch.tensor([[[[2.0, 0.0, 5.0]], [[0.0, 1.0, 0.0]]]])
    labels = torch.tensor([[[0, 1, 255]]])
    first, second = math.log1p(math.exp(-2)), math.log1p(math.exp(-1))
    loss = partial_cross_entropy(logits, labels, class_weights=(0.5, 3.0))
    assert loss.item() == pytest.approx((0.5 * first + 3.0 * second) / 2)
    alike = partial_cross_entropy(logits, labels, class_weights=(1.0, 1.0))
    assert torch.equal(alike, partial_cross_entropy(logits, labels))
