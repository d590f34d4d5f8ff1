"""How often the overlays are drawn again while a run goes on."""

from __future__ import annotations

import math

POLL_SECONDS = 0.1
"""Time between two calls of `Overlays.poll`."""

UPDATE_SECONDS = 0.5
"""Shortest time between two updates."""

LONGEST_PAUSE = 5.0
"""Longest time between two updates, however slow the machine is."""

HURRY_SECONDS = 0.01
"""Time between two calls while somebody waits for the answer to a click."""

SHARE_OF_WINDOW = 0.04
"""Part of the window's time that drawing updates may take, so that 95 of 100 moments stay free."""

SHARE_OF_ANSWERS = 0.2
"""The same for answers to clicks: whoever clicks this fast has less of the rest."""


class UpdatePace:
    """Makes updates rarer where drawing one delays the window's next turn."""

    def __init__(self) -> None:
        self._drawn_at = -math.inf
        self._next_turn = 0.0
        self._measuring = False
        self._cost = 0.0

    def drawn(self, now: float, turn_in: float = POLL_SECONDS) -> None:
        """An update was put into the layers; napari draws it before the next turn."""
        self._drawn_at, self._next_turn, self._measuring = now, now + turn_in, True

    def turn(self, now: float) -> None:
        """The window's next turn has come: measure how late it is after an update."""
        if self._measuring:
            late = max(0.0, now - self._next_turn)
            self._cost = 0.5 * (self._cost + min(late, 1.0))
            self._measuring = False

    def is_due(self, now: float) -> bool:
        """Whether the next update may be drawn."""
        pause = min(max(UPDATE_SECONDS, self._cost / SHARE_OF_WINDOW), LONGEST_PAUSE)
        return now - self._drawn_at >= pause

    def answer_is_due(self, now: float) -> bool:
        """Whether the answer to a click may be drawn: the first of a series at once."""
        return now - self._drawn_at >= self._cost / SHARE_OF_ANSWERS
