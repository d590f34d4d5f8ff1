"""One job at a time off the window's thread, where only the newest request counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from seminar_napari.workers.worker import Fault, Worker

T = TypeVar("T")


class Latest(Generic[T]):
    """A worker for one kind of job: the newest replaces the one that waits.

    An outcome that was not taken is replaced by a newer one.
    """

    def __init__(self, name: str) -> None:
        self._worker: Worker[T] = Worker(name, kept=1)

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._worker.is_busy

    def submit(self, job: Callable[[], T]) -> None:
        """Have `job` run soon, in place of one that still waits."""
        self._worker.submit("", job)

    def take(self) -> T | Fault | None:
        """The newest outcome, once; None where there is none yet."""
        outcomes = self._worker.outcomes
        return outcomes.popleft()[1] if outcomes else None

    def wait(self, timeout: float) -> bool:
        """Wait until nothing runs, at most `timeout` seconds; return whether nothing runs."""
        return self._worker.wait(timeout)
