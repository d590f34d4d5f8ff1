"""Clicks go to disk in the background, in order, and are kept until they are there."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from seminar.errors import SeminarError

RETRY_SECONDS = 2.0


@dataclass(frozen=True)
class Saved:
    """The clicks of an image are on disk, JSON and mask."""

    image_id: str
    time: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class NotSaved:
    """The clicks of an image could not be written; they are kept and written again later."""

    image_id: str
    reason: str


@dataclass(eq=False)
class Autosave:
    """Runs the newest write of each image in a thread of its own, the longest waiting image first.

    The thread lives only while something waits, so there is nothing to close. A write that fails
    because of the disk stays and is repeated every `retry_seconds` until it succeeds or a newer
    write of the same image takes its place.
    """

    retry_seconds: float = RETRY_SECONDS
    outcomes: deque[Saved | NotSaved] = field(default_factory=deque)
    """What became of the writes, oldest first; whoever shows it takes it from the left."""
    _waiting: dict[str, Callable[[], None]] = field(default_factory=dict)
    _change: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None

    def submit(self, image_id: str, write: Callable[[], None]) -> None:
        """Have `write` run soon; one of the same image that still waits is left out, as this one
        says more.
        """
        with self._change:
            self._waiting[image_id] = write
            self._change.notify_all()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._work, name="seminar-autosave", daemon=True
                )
                self._thread.start()

    def unsaved(self) -> tuple[str, ...]:
        """Images whose newest clicks are not on disk yet."""
        with self._change:
            return tuple(self._waiting)

    def flush(self, timeout: float) -> bool:
        """Wait until all is on disk, at most `timeout` seconds; whether it is."""
        with self._change:
            self._change.notify_all()  # a write that waits for its next try is tried now
            return self._change.wait_for(lambda: not self._waiting, timeout)

    def _work(self) -> None:
        failed: set[str] = set()  # since the last pause
        while True:
            with self._change:
                if failed.issuperset(self._waiting) and self._waiting:
                    self._change.wait(self.retry_seconds)
                    failed.clear()
                if not self._waiting:
                    self._thread = None
                    return
                image_id = next(image_id for image_id in self._waiting if image_id not in failed)
                write = self._waiting[image_id]
            reason = _try(write)
            with self._change:
                replaced = self._waiting[image_id] is not write
                if reason is not None:
                    failed.add(image_id)
                    self.outcomes.append(NotSaved(image_id, reason))
                elif replaced:  # a newer one came meanwhile: to the end of the line
                    self._waiting[image_id] = self._waiting.pop(image_id)
                else:
                    del self._waiting[image_id]
                    self.outcomes.append(Saved(image_id, time.time()))
                self._change.notify_all()


def _try(write: Callable[[], None]) -> str | None:
    """Run `write`; None where it went well, else the reason in words."""
    try:
        write()
    except OSError as error:
        return (
            f"{error.strerror or error} ({error.filename})"
            if error.filename
            else str(error.strerror or error)
        )
    except (SeminarError, MemoryError) as error:
        return str(error) or "out of memory"
    return None
