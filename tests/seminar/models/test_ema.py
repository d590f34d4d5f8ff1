"""The teacher follows the student as eq. 1 says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from seminar.models.ema import ema_share, make_teacher


@given(iteration=st.integers(1, 10_000), ema_decay=st.floats(0, 0.9999))
def test_the_share_grows_from_nothing_to_the_decay(iteration: int, ema_decay: float) -> None:
    assert ema_share(1, ema_decay) == 0
    assert ema_share(iteration, ema_decay) <= ema_share(iteration + 1, ema_decay) <= ema_decay


def test_it_follows_eq_1_step_by_step() -> None:
    student = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(student.weight)
    teacher = make_teacher(student, ema_decay=0.6)
    expected = 0.0
    for t, weight in enumerate([1.0, 3.0, -2.0, 5.0, 4.0], start=1):
        nn.init.constant_(student.weight, weight)
        teacher.update_parameters(student)
        share = min(1 - 1 / t, 0.6)
        expected = share * expected + (1 - share) * weight
        assert float(teacher.module.weight.detach()) == pytest.approx(expected, rel=1e-5)


def test_while_the_decay_is_not_reached_it_is_the_plain_mean() -> None:
    student = nn.Linear(1, 1, bias=False)
    teacher = make_teacher(student, ema_decay=0.999)
    for weight in (2.0, 4.0, 9.0):
        nn.init.constant_(student.weight, weight)
        teacher.update_parameters(student)
    assert float(teacher.module.weight.detach()) == pytest.approx(5.0)


def test_floating_buffers_are_averaged_and_integer_ones_copied() -> None:
    student = nn.BatchNorm1d(2)
    teacher = make_teacher(student, ema_decay=0.5)
    for mean, count in ((0.0, 3), (0.0, 5), (4.0, 7)):
        assert student.running_mean is not None
        assert student.num_batches_tracked is not None
        student.running_mean.fill_(mean)
        student.num_batches_tracked.fill_(count)
        teacher.update_parameters(student)
    assert teacher.module.running_mean.tolist() == [2.0, 2.0]
    assert int(teacher.module.num_batches_tracked) == 7


def test_it_needs_no_gradient_and_is_in_eval_mode() -> None:
    teacher = make_teacher(nn.Sequential(nn.Linear(2, 2), nn.Dropout()), ema_decay=0.9)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert not any(module.training for module in teacher.modules())


def test_a_start_counts_as_many_students_as_it_is_worth() -> None:
    student = nn.Linear(1, 1, bias=False)
    nn.init.constant_(student.weight, 8.0)
    teacher = make_teacher(student, ema_decay=0.999, worth=3)
    nn.init.constant_(student.weight, 0.0)
    teacher.update_parameters(student)
    assert float(teacher.module.weight.detach()) == pytest.approx(6.0)  # (3 * 8 + 0) / 4
