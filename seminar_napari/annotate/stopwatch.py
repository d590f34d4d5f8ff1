"""Measures the time that a person works on an image, without pauses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

IDLE_SECONDS = 10.0


@dataclass(eq=False)
class Stopwatch:
    """Adds up the time between signs of activity; gaps above `idle_seconds` are ignored.

    Attributes
    ----------
    seconds : float
        Counted so far.
    """

    seconds: float = 0.0
    idle_seconds: float = IDLE_SECONDS
    clock: Callable[[], float] = time.monotonic
    _last: float | None = None

    def restart(self, seconds: float) -> None:
        """Continue at `seconds`, for another image."""
        self.seconds, self._last = seconds, self.clock()

    def tick(self) -> None:
        """Somebody moved the mouse, clicked or pressed a key."""
        now = self.clock()
        if self._last is not None and now - self._last <= self.idle_seconds:
            self.seconds += now - self._last
        self._last = now
