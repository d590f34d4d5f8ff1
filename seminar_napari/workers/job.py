"""A single command outside the window: predict or export, with progress, cancellable; no Qt."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seminar_napari.workers.child import Child, said_error, seminar_command

LOOK_SECONDS = 0.2
COUNT_SECONDS = 0.5
PATIENCE_SECONDS = 3.0


@dataclass(frozen=True)
class JobNews:
    """Progress of a job; a total of 0 is unknown."""

    done: int
    total: int


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes
    ----------
    ended : bool
        Whether it succeeded.
    text : str
        Its last sentence: the result, or the error with its remedy.
    log : str
        The end of its output.
    """

    ended: bool
    text: str
    log: str = ""


class Job:
    """A `seminar` command in a child process.

    Parameters
    ----------
    arguments : sequence of str
        Arguments of `seminar`.
    count : callable, optional
        Gives (done, total), called twice a second in the worker's thread.
    """

    def __init__(
        self, arguments: Sequence[str], count: Callable[[], tuple[int, int]] | None = None
    ) -> None:
        self.arguments = tuple(arguments)
        self._count = count or (lambda: (0, 0))
        self._cancelled = threading.Event()
        self.outcome: Outcome | None = None

    def cancel(self) -> None:
        """End it soon; finished files are kept."""
        self._cancelled.set()

    def follow(self) -> Iterator[JobNews]:
        """Run it to its end and set `outcome`; no process is left when the generator is closed."""
        if self._cancelled.is_set():
            self.outcome = Outcome(False, "Cancelled before it began")
            return
        with tempfile.TemporaryDirectory(prefix="seminar-") as folder:
            log = Path(folder) / "log.txt"
            try:
                child = Child(seminar_command(self.arguments), log)
            except OSError as error:
                reason = f"{error.filename or log}: {error.strerror or error}"
                remedy = "make room or give access, then try again"
                self.outcome = Outcome(False, f"{reason}; {remedy}")
                return
            try:
                yield from self._watch(child)
            finally:
                child.end(PATIENCE_SECONDS)
            self.outcome = self._outcome(child)

    def _watch(self, child: Child) -> Iterator[JobNews]:
        counted = float("-inf")
        news = JobNews(0, 0)
        while child.poll() is None and not self._cancelled.is_set():
            if time.monotonic() - counted > COUNT_SECONDS:
                counted = time.monotonic()
                news = JobNews(*self._count())
            yield news
            child.wait(LOOK_SECONDS)

    def _outcome(self, child: Child) -> Outcome:
        log = child.log_tail()
        if self._cancelled.is_set():
            return Outcome(False, "Cancelled; what was done until then is kept", log)
        if child.poll() == 0:
            return Outcome(True, _last_sentence(log) or "Done", log)
        ended = (
            f"the process ended with status {child.poll()}; perhaps memory ran out, close other "
            "programs and try again"
        )
        return Outcome(False, said_error(log) or ended, log)


def count_new_masks(folder: Path, stems: Sequence[str]) -> Callable[[], tuple[int, int]]:
    """A function that counts the masks of these names written to `folder` from now on.

    The mask of a stack is a tif, that of an image larger than memory an OME-Zarr.
    """
    start = time.time() - 1
    wanted = {f"{stem}{ending}" for stem in stems for ending in (".png", ".tif", ".zarr")}

    def count() -> tuple[int, int]:
        found = 0
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            # files that are being written have other names
            found = sum(
                entry.name in wanted and entry.stat().st_mtime >= start for entry in entries
            )
        return min(found, len(stems)), len(stems)

    return count


def _last_sentence(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1] if lines else ""
