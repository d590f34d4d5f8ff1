"""The run that the window follows, its state and its events."""

from __future__ import annotations

import time
from typing import Literal

from psygnal import Signal

from seminar.run.events import Event, Step
from seminar.run.folder import RunFolder

RunState = Literal[
    "none", "starting", "running", "paused", "stopping", "stopped", "failed", "finished", "lost"
]

GOING: tuple[RunState, ...] = ("starting", "running", "paused", "stopping")
"""The states of a run that has not ended."""


class FollowedRun:
    """Holds the followed run.

    Attributes
    ----------
    run : RunFolder or None
    state : RunState
    last_step : Step or None
        Its newest step.
    """

    run_changed = Signal(object)
    state_changed = Signal(str)
    event_received = Signal(object, float)

    def __init__(self) -> None:
        self.run: RunFolder | None = None
        self.state: RunState = "none"
        self.last_step: Step | None = None

    def set_run(self, run: RunFolder | None) -> None:
        """Follow this run folder; None for none."""
        if run != self.run:
            self.run, self.last_step = run, None
            self.run_changed.emit(run)
            if run is None:
                self.set_state("none")

    def set_state(self, state: RunState) -> None:
        """Set the state of the followed run."""
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)

    def receive(self, event: Event, when: float | None = None) -> None:
        """Report an event of the followed run; call it in the window's thread."""
        if isinstance(event, Step):
            self.last_step = event
        self.event_received.emit(event, time.time() if when is None else when)
