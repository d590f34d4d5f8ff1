"""Jobs off the window's thread: order, replacement, repetition, faults and defects."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from seminar.errors import SeminarError
from seminar_napari.workers.worker import Fault, Worker


def never() -> None:
    raise OSError(30, "Read-only file system")


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("retry_seconds", [None, 2.0])
def test_jobs_run_in_order_and_only_the_newest_of_each_key(retry_seconds: float | None) -> None:
    done: list[str] = []
    gate, begun = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        gate.wait(5)
        done.append("a1")

    worker: Worker[None] = Worker("test", retry_seconds=retry_seconds)
    worker.submit("a", slow)
    assert begun.wait(5)
    for name in ("b1", "b2", "c1", "a2", "b3"):
        worker.submit(name[0], lambda name=name: done.append(name))  # type: ignore[misc]
    assert worker.unfinished() == ("a", "b", "c")
    gate.set()
    assert worker.wait(5)
    assert done == ["a1", "b3", "c1", "a2"]
    # what is repeated until it succeeds reports only the newest of a key
    reported = [key for key, outcome in worker.outcomes if outcome is None]
    assert reported == (["a", "b", "c", "a"] if retry_seconds is None else ["b", "c", "a"])


def test_a_job_that_fails_is_reported_and_repeated_until_it_succeeds() -> None:
    tries = []

    def write() -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise OSError(28, "No space left on device", "/full/Clicks/a.json")

    worker: Worker[None] = Worker("test", retry_seconds=0.02)
    worker.submit("a", write)
    assert worker.unfinished() == ("a",)
    wait_until(lambda: not worker.unfinished())
    assert len(tries) == 3
    fault = Fault("/full/Clicks/a.json: No space left on device")
    assert list(worker.outcomes) == [("a", fault), ("a", fault), ("a", None)]


def test_without_repetition_a_job_that_fails_is_done() -> None:
    worker: Worker[None] = Worker("test")
    worker.submit("a", never)
    assert worker.wait(5)
    assert [key for key, _ in worker.outcomes] == ["a"]


def test_one_job_that_fails_does_not_keep_others_waiting() -> None:
    written: list[str] = []

    def refuse() -> None:
        raise SeminarError("classes.txt does not have class 7")

    worker: Worker[None] = Worker("test", retry_seconds=0.01)
    worker.submit("bad", refuse)
    worker.submit("good", lambda: written.append("good"))
    wait_until(lambda: written)
    wait_until(lambda: worker.unfinished() == ("bad",))
    assert written == ["good"]
    worker.submit("bad", lambda: None)
    assert worker.wait(5)


def test_wait_says_when_it_gave_up() -> None:
    worker: Worker[None] = Worker("test", retry_seconds=0.05)
    worker.submit("a", never)
    assert not worker.wait(0.1)
    worker.submit("a", lambda: None)
    assert worker.wait(5)


def test_no_thread_stays_when_nothing_waits() -> None:
    worker: Worker[None] = Worker("leftover")
    done: list[int] = []
    for _ in range(50):
        worker.submit("a", lambda: done.append(1))
        worker.submit("b", lambda: done.append(1))
    assert worker.wait(5)
    wait_until(lambda: not any(thread.name == "leftover" for thread in threading.enumerate()))
    assert done


def test_wait_does_not_wait_for_the_next_try() -> None:
    tries: list[int] = []

    def write() -> None:
        tries.append(1)
        if len(tries) == 1:
            never()

    worker: Worker[None] = Worker("test", retry_seconds=600)
    worker.submit("a", write)
    wait_until(lambda: worker.outcomes)
    assert worker.wait(5) and len(tries) == 2


def test_forgotten_jobs_do_not_run_and_the_running_one_reports_nothing() -> None:
    done: list[str] = []
    gate, begun = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert gate.wait(5)
        done.append("slow")

    worker: Worker[None] = Worker("test")
    worker.submit("before", lambda: None)
    assert worker.wait(5) and worker.outcomes
    worker.submit("slow", slow)
    worker.submit("waiting", lambda: done.append("waiting"))
    assert begun.wait(5)
    worker.forget()
    assert not worker.outcomes and worker.unfinished() == ("slow",)
    worker.submit("after", lambda: done.append("after"))
    gate.set()
    assert worker.wait(5)
    assert done == ["slow", "after"]
    assert list(worker.outcomes) == [("after", None)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("retry_seconds", [None, 600.0])
def test_after_a_defect_the_rest_goes_on_at_the_next_call(retry_seconds: float | None) -> None:
    done: list[str] = []
    gate, tries = threading.Event(), list[int]()

    def defect() -> None:
        tries.append(1)
        assert gate.wait(5)
        if len(tries) == 1:
            raise ZeroDivisionError

    worker: Worker[None] = Worker("defect", retry_seconds=retry_seconds)
    worker.submit("bad", defect)
    worker.submit("good", lambda: done.append("good"))
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "defect")
    gate.set()
    thread.join(5)
    assert not done
    assert worker.wait(5)
    assert done == ["good"]
    assert len(tries) == (1 if retry_seconds is None else 2)  # what is repeated is never dropped


def test_only_so_many_outcomes_are_kept() -> None:
    worker: Worker[int] = Worker("test", kept=2)
    for number in range(5):
        worker.submit(str(number), lambda number=number: number)  # type: ignore[misc]
    assert worker.wait(5)
    assert list(worker.outcomes) == [("3", 3), ("4", 4)]


def test_a_job_that_fails_never_replaces_a_newer_one_that_waits() -> None:
    """The newest clicks are what is written once the disk takes them."""
    done: list[str] = []
    gate, begun = threading.Event(), threading.Event()

    def old() -> None:
        begun.set()
        gate.wait(5)
        raise OSError(28, "No space left on device")

    worker: Worker[None] = Worker("test", retry_seconds=0.02)
    worker.submit("a", old)
    assert begun.wait(5)
    worker.submit("a", lambda: done.append("new"))
    gate.set()
    assert worker.wait(5)
    assert done == ["new"] and worker.unfinished() == ()
