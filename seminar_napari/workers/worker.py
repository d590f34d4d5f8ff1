"""Work off the window's thread: one job at a time, the longest waiting one first."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from seminar.errors import SeminarError

T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """The job could not be done; `reason` is a sentence for the user."""

    reason: str


class Worker(Generic[T]):
    """Runs jobs in a daemon thread that lives only while one runs or waits: nothing to close.

    A job has a key. A job that waits is replaced by a newer one of the same key. An expected error
    (`SeminarError`, `OSError`, `MemoryError`) is an outcome; any other one ends the thread, is
    reported by `threading.excepthook`, and the next call goes on with the jobs that wait.

    Parameters
    ----------
    name : str
        Name of the thread.
    retry_seconds : float, optional
        Keep a job that failed and repeat it after this time, until it succeeds or is replaced;
        then a job that was replaced while it ran reports no success.
    kept : int, optional
        Keep only this many outcomes, the newest ones.

    Attributes
    ----------
    outcomes : deque of (key, outcome)
        Results and faults, oldest first; the reader removes them from the left.
    """

    def __init__(
        self, name: str, *, retry_seconds: float | None = None, kept: int | None = None
    ) -> None:
        self.outcomes: deque[tuple[str, T | Fault]] = deque(maxlen=kept)
        self._name = name
        self._retry_seconds = retry_seconds
        self._waiting: OrderedDict[str, Callable[[], T]] = OrderedDict()
        self._running: tuple[str, Callable[[], T]] | None = None
        self._failed: set[str] = set()  # since the last pause
        self._forgotten = False  # the job that runs
        self._hurry = False  # repeat failed jobs without a pause
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def submit(self, key: str, job: Callable[[], T]) -> None:
        """Have `job` run soon, in place of one of the same key that still waits."""
        with self._change:
            self._waiting[key] = job
            self._go_on()

    def forget(self) -> None:
        """Drop the jobs that wait, the outcomes, and that of the job that runs."""
        with self._change:
            self._waiting.clear()
            self.outcomes.clear()
            self._forgotten = True

    @property
    def is_busy(self) -> bool:
        """Whether a job runs or waits."""
        with self._change:
            return self._running is not None or bool(self._waiting)

    def unfinished(self) -> tuple[str, ...]:
        """Keys of the jobs that run, wait, or failed and will be repeated."""
        with self._change:
            running = () if self._running is None else (self._running[0],)
            return tuple(dict.fromkeys((*running, *self._waiting)))

    def wait(self, timeout: float) -> bool:
        """Wait until all jobs are done, at most `timeout` seconds; return whether they are.

        A job that waits for its next try is tried now.
        """
        with self._change:
            thread = self._go_on()
        if thread is not None:
            thread.join(timeout)
        return not self.unfinished()

    def _go_on(self) -> threading.Thread | None:
        self._hurry = True
        self._change.notify_all()
        if self._thread is None and self._waiting:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        return self._thread

    def _work(self) -> None:
        try:
            while (job := self._next()) is not None:
                self._finish(_attempt(job))
        finally:  # an unexpected error must not leave this looking busy for ever
            with self._change:
                if self._thread is threading.current_thread():
                    self._put_back()
                    self._thread = None

    def _next(self) -> Callable[[], T] | None:
        with self._change:
            if self._waiting and self._failed.issuperset(self._waiting):
                self._change.wait_for(lambda: self._hurry, self._retry_seconds)
                self._hurry = False
                self._failed.clear()
            if not self._waiting:
                self._thread = None
                return None
            key = next(key for key in self._waiting if key not in self._failed)
            job = self._waiting.pop(key)
            self._running, self._forgotten = (key, job), False
            return job

    def _finish(self, outcome: T | Fault) -> None:
        with self._change:
            assert self._running is not None
            key, _ = self._running
            retries = self._retry_seconds is not None
            superseded = retries and key in self._waiting and not isinstance(outcome, Fault)
            if not self._forgotten and not superseded:
                self.outcomes.append((key, outcome))
            if isinstance(outcome, Fault):
                self._put_back()
            self._running = None

    def _put_back(self) -> None:
        """Keep the job that failed where jobs are repeated."""
        if self._running is not None:
            key, job = self._running
            if self._retry_seconds is not None and not self._forgotten:
                self._waiting.setdefault(key, job)
                self._failed.add(key)
            self._running = None


def _attempt(job: Callable[[], T]) -> T | Fault:
    try:
        return job()
    except OSError as error:
        return Fault(f"{error.filename or 'a file'}: {error.strerror or error}")
    except MemoryError:
        return Fault("out of memory; close other programs or use smaller images")
    except SeminarError as error:
        return Fault(str(error))
