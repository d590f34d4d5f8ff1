"""What the window said: which image is on screen, and which clicks changed."""

from __future__ import annotations

import queue
import time
from typing import Any

FIRST_SECONDS = 0.2
"""Wait at most so long to be told which image is on screen."""

_END = object()


class Inbox:
    """Messages from another thread, in order.

    Attributes
    ----------
    shown : str
        The image on screen; "" where that was never said.
    clicked : set of str
        Images whose clicks were said to have changed; the reader empties it.
    heard : float
        When the last message was taken, by `time.monotonic`.
    """

    def __init__(self) -> None:
        self.shown = ""
        self.clicked: set[str] = set()
        self.heard = float("-inf")
        self._messages: queue.Queue[Any] = queue.Queue()
        self._has_ended = False

    def tell(self, message: object) -> None:
        """Give it a message: {"look": id}, {"clicks": id}."""
        self._messages.put(message)

    def end(self) -> None:
        """Say that no more will come."""
        self._messages.put(_END)

    def is_empty(self) -> bool:
        """Whether `take` would find nothing at once."""
        return self._messages.empty()

    def take_first(self) -> bool:
        """Take what is said at the start, for which it waits; False at the end."""
        return self.take(0.0 if self.shown else FIRST_SECONDS)

    def take(self, seconds: float) -> bool:
        """Take all messages there are; wait for one at most so long. False at the end."""
        waiting = seconds
        while not self._has_ended:
            try:
                message = self._messages.get(block=waiting > 0, timeout=waiting or None)
            except queue.Empty:
                return True
            waiting = 0.0
            if message is _END:
                self._has_ended = True
            elif isinstance(message, dict):
                self.heard = time.monotonic()
                if isinstance(message.get("look"), str):
                    self.shown = message["look"]
                if isinstance(message.get("clicks"), str):
                    self.clicked.add(message["clicks"])
        return False
