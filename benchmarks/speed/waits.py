"""How long an event waits for a busy window, and what the window was busy with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

HEARTBEAT_MS = 5.0
"""An empty turn of the event loop counts as this long."""


@dataclass(frozen=True)
class Spent:
    """Milliseconds on the clock, of this process's processor time, and of its window thread's
    alone.

    On a machine that others use too the clock says little. With all cores to oneself it would lie
    between the last two: the process's time counts what is drawn (software OpenGL has threads of
    its own) and read or written in the background, the thread's counts neither.
    """

    clock: float
    processor: float
    thread: float


def waits(gaps: npt.ArrayLike, share: float) -> float:
    """The wait that `share` of events stay below that arrive at random moments in gaps of these
    lengths.
    """
    lengths = np.asarray(gaps, dtype=np.float64)
    low, high = 0.0, float(lengths.max())
    for _ in range(60):
        middle = (low + high) / 2
        longer = np.clip(lengths - middle, 0, None).sum() / lengths.sum()
        low, high = (middle, high) if longer > 1 - share else (low, middle)
    return high


def timed(action: Callable[[], object]) -> Spent:
    """What `action` takes."""
    before = time.perf_counter(), time.process_time(), time.thread_time()
    action()
    after = time.perf_counter(), time.process_time(), time.thread_time()
    return Spent(*(1000 * np.subtract(after, before)).tolist())


def percentile(turns: list[Spent]) -> Spent:
    """How long an event waits in 95 of 100 cases."""
    return Spent(*(waits(column, 0.95) for column in zip(*map(astuple, turns), strict=True)))


def middle(times: list[Spent]) -> Spent:
    """The medians."""
    return Spent(*np.median([astuple(time) for time in times], axis=0).tolist())
