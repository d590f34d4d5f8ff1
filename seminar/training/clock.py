"""The times of recurring work in a stage, and its speed."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping

import torch

from seminar.run import events
from seminar.runtime import devices

RECENT = 30
"""Steps over which `Clock.recent` averages."""


class Clock:
    """When each kind of work was last done, and how fast the run is."""

    def __init__(self, iteration: int, later_iterations: int) -> None:
        self._later = later_iterations
        self._last: dict[str, float] = {"checkpoint": time.monotonic(), "clicks": time.monotonic()}
        self._sums: dict[str, float] = {}
        self._count = 0
        self._recent: deque[Mapping[str, float]] = deque(maxlen=RECENT)
        self.restart(iteration)

    def restart(self, iteration: int) -> None:
        """Measure the speed from here."""
        self._start, self._first = time.monotonic(), iteration

    def passed(self, what: str, interval: float) -> bool:
        """Whether `interval` seconds have passed since this was last true."""
        now = time.monotonic()
        if now - self._last.get(what, -math.inf) < interval:
            return False
        self._last[what] = now
        return True

    def took(self, what: str, seconds: float) -> None:
        """Delay the next `what` by so many seconds."""
        self._last[what] = time.monotonic() + seconds

    def add(self, losses: Mapping[str, float]) -> None:
        """Add the losses of a step."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        self._recent.append(losses)

    def recent(self, name: str) -> float:
        """Mean of a loss term over the last steps; NaN before there are enough."""
        values = [losses[name] for losses in self._recent if name in losses]
        return sum(values) / RECENT if len(values) == RECENT else math.nan

    def step(
        self, stage: str, iteration: int, iterations: int, lr: float, device: torch.device
    ) -> events.Step:
        """The event for the steps since the last one."""
        losses = {name: total / self._count for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        rate = (iteration - self._first) / max(time.monotonic() - self._start, 1e-9)
        return events.Step(
            stage=stage,
            iteration=iteration,
            iterations=iterations,
            losses=losses,
            lr=lr,
            iterations_per_second=rate,
            seconds_left=(iterations - iteration + self._later) / max(rate, 1e-9),
            memory_bytes=devices.memory_in_use(device),
        )
