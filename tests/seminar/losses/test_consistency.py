"""Pixel consistency, eq. 3 and eq. 8."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from seminar.losses.consistency import pixel_consistency


def probs(*shape: int) -> torch.Tensor:
    return torch.randn(*shape).softmax(dim=1)


def test_it_is_the_squared_difference_summed_over_classes() -> None:
    student, teacher = probs(2, 3, 4, 5), probs(2, 3, 4, 5)
    loss = pixel_consistency(student, teacher, torch.ones(2, 4, 5, dtype=torch.bool))
    torch.testing.assert_close(loss, (student - teacher).square().sum() / (2 * 4 * 5))


def test_the_paper_averages_over_classes_too() -> None:
    student, teacher, valid = (
        probs(12, 21, 4, 5),
        probs(12, 21, 4, 5),
        torch.ones(12, 4, 5, dtype=torch.bool),
    )
    paper = pixel_consistency(student, teacher, valid, convention="paper")
    torch.testing.assert_close(paper, torch.nn.functional.mse_loss(student, teacher))
    torch.testing.assert_close(200 * paper, 200 / 21 * pixel_consistency(student, teacher, valid))


def test_it_pulls_the_student_towards_the_teacher_and_never_the_teacher() -> None:
    student, teacher = probs(1, 3, 4, 4).requires_grad_(), probs(1, 3, 4, 4).requires_grad_()
    loss = pixel_consistency(student, teacher, torch.ones(1, 4, 4, dtype=torch.bool))
    loss.backward()
    assert teacher.grad is None
    assert student.grad is not None
    nearer = (student - 0.1 * student.grad).detach()
    assert pixel_consistency(nearer, teacher, torch.ones(1, 4, 4, dtype=torch.bool)) < loss


def test_padding_does_not_count() -> None:
    student, teacher = probs(1, 3, 4, 4), probs(1, 3, 4, 4)
    valid = torch.zeros(1, 4, 4, dtype=torch.bool)
    valid[0, :2] = True
    whole = torch.ones(1, 2, 4, dtype=torch.bool)
    torch.testing.assert_close(
        pixel_consistency(student, teacher, valid),
        pixel_consistency(student[:, :, :2], teacher[:, :, :2], whole),
    )
    assert pixel_consistency(student, teacher, torch.zeros_like(valid)) == 0


def test_eq_8_leaves_the_clicked_pixels_out() -> None:
    student, teacher, valid = (
        probs(1, 3, 4, 4),
        probs(1, 3, 4, 4),
        torch.ones(1, 4, 4, dtype=torch.bool),
    )
    unlabelled = valid.clone()
    unlabelled[0, 1, 1] = False
    squared = (student - teacher).square().sum(dim=1)
    exact = pixel_consistency(student, teacher, valid, unlabelled=unlabelled)
    torch.testing.assert_close(exact, (squared.sum() - squared[0, 1, 1]) / 15)
    paper = pixel_consistency(student, teacher, valid, unlabelled=unlabelled, convention="paper")
    torch.testing.assert_close(3 * paper, exact)
    valid[0, 3, 2] = False  # padding is not counted either
    padded = pixel_consistency(student, teacher, valid, unlabelled=unlabelled)
    torch.testing.assert_close(padded, (squared.sum() - squared[0, 1, 1] - squared[0, 3, 2]) / 14)


@given(repeats=st.integers(1, 4), empty_classes=st.integers(0, 5))
def test_the_scale_does_not_depend_on_batch_size_or_classes(
    repeats: int, empty_classes: int
) -> None:
    student, teacher, valid = (
        probs(1, 3, 4, 4),
        probs(1, 3, 4, 4),
        torch.ones(1, 4, 4, dtype=torch.bool),
    )
    expected = pixel_consistency(student, teacher, valid)
    pad = (0, 0, 0, 0, 0, empty_classes)
    wide = [
        torch.nn.functional.pad(values, pad).repeat(repeats, 1, 2, 1)
        for values in (student, teacher)
    ]
    torch.testing.assert_close(pixel_consistency(*wide, valid.repeat(repeats, 2, 1)), expected)
