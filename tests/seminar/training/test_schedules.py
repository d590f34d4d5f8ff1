"""Learning rate and ramps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seminar.training.schedules import backbone_share, linear_ramp, poly_lr


def test_poly_lr_goes_from_the_base_to_nothing() -> None:
    assert poly_lr(0.007, 0, 100, 0.9) == 0.007
    assert poly_lr(0.007, 50, 100, 0.9) == pytest.approx(0.007 * 0.5**0.9)
    assert poly_lr(0.007, 100, 100, 0.9) == 0


@given(st.integers(0, 998), st.floats(0.1, 3))
def test_poly_lr_never_rises(iteration: int, power: float) -> None:
    assert poly_lr(1.0, iteration + 1, 1000, power) <= poly_lr(1.0, iteration, 1000, power)


def test_the_ramp_of_the_paper_takes_40_of_60_epochs_and_moves_once_an_epoch() -> None:
    def factor(iteration: int) -> float:
        return linear_ramp(iteration, 60 * 882, 2 / 3, epoch=882)

    assert factor(881) == 0
    assert factor(882) == factor(2 * 882 - 1) == pytest.approx(1 / 40)
    assert factor(20 * 882) == pytest.approx(0.5)
    assert factor(40 * 882) == factor(59 * 882) == 1


def test_without_a_ramp_the_weight_is_there_from_the_start() -> None:
    assert linear_ramp(0, 10, 0) == 1


@given(classes=st.integers(1, 255))
def test_a_pretrained_backbone_learns_the_slower_the_more_classes_there_are(classes: int) -> None:
    share = backbone_share(classes, by_classes=True, pretrained=True)
    assert share == (1 if classes <= 2 else 2 / classes)
    assert backbone_share(classes, by_classes=False, pretrained=True) == 1
    assert backbone_share(classes, by_classes=True, pretrained=False) == 1
