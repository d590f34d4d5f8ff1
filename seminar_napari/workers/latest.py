"""One job at a time off the window's thread; of the jobs that wait only the newest is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from seminar.errors import SeminarError

T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """The job could not be done; `reason` is a sentence for the user."""

    reason: str


class Latest(Generic[T]):
    """Runs jobs in a thread that lives only while one runs or waits, so that there is nothing to
    close.

    A job that waits is replaced by a newer one, an outcome that was not taken is replaced by a
    newer one.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._waiting: Callable[[], T] | None = None
        self._outcome: T | Fault | None = None
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        with self._lock:
            return self._thread is not None

    def submit(self, job: Callable[[], T]) -> None:
        """Have `job` run soon, in place of one that still waits."""
        with self._lock:
            self._waiting = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def take(self) -> T | Fault | None:
        """The newest outcome, once; None where there is none yet."""
        with self._lock:
            outcome, self._outcome = self._outcome, None
            return outcome

    def wait(self, timeout: float) -> bool:
        """Return when nothing runs, or after `timeout` seconds; whether nothing runs."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return not self.busy

    def _work(self) -> None:
        try:
            while (job := self._next()) is not None:
                outcome = _done(job)
                with self._lock:
                    self._outcome = outcome
        finally:  # a defect in a job must not leave this looking busy for ever
            with self._lock:
                self._thread = None

    def _next(self) -> Callable[[], T] | None:
        with self._lock:
            job, self._waiting = self._waiting, None
            if job is None:
                self._thread = None
            return job


def _done(job: Callable[[], T]) -> T | Fault:
    try:
        return job()
    except OSError as error:
        return Fault(f"{error.filename or 'a file'}: {error.strerror or error}")
    except MemoryError:
        return Fault("out of memory; close other programs or use smaller images")
    except SeminarError as error:
        return Fault(str(error))
