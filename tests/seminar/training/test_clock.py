"""When what was last done, and means over the last steps."""

from __future__ import annotations

import math

import pytest
import torch

from seminar.training import clock
from seminar.training.clock import Clock


def test_the_mean_is_of_the_last_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "RECENT", 3)
    watch = Clock(0, 0)
    for value in (9.0, 1.0):
        watch.add({"pce": value})
    assert math.isnan(watch.recent("pce"))
    for value in (2.0, 3.0):
        watch.add({"pce": value})
    assert watch.recent("pce") == 2.0
    assert math.isnan(watch.recent("crf"))


def test_a_step_tells_the_mean_since_the_step_before() -> None:
    watch = Clock(10, 5)
    watch.add({"pce": 1.0})
    watch.add({"pce": 3.0})
    step = watch.step("ancillary", 12, 20, 0.1, torch.device("cpu"))
    assert step.losses == {"pce": 2.0}
    assert step.seconds_left == pytest.approx((20 - 12 + 5) / step.iterations_per_second)
    watch.add({"pce": 7.0})
    assert watch.step("ancillary", 13, 20, 0.1, torch.device("cpu")).losses == {"pce": 7.0}


def test_an_interval_passes_and_can_be_put_off() -> None:
    watch = Clock(0, 0)
    assert not watch.passed("checkpoint", 60)
    assert watch.passed("preview", 60) and not watch.passed("preview", 60)
    watch.took("preview", 60)
    assert not watch.passed("preview", 0)
