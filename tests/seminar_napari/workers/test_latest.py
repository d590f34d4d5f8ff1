"""Work off the window's thread."""

from __future__ import annotations

import threading

import pytest

from seminar.errors import SeminarError
from seminar_napari.workers.latest import Fault, Latest


def test_of_the_jobs_that_wait_only_the_newest_is_done() -> None:
    latest: Latest[int] = Latest("test")
    begun, go, done = threading.Event(), threading.Event(), []

    def first() -> int:
        begun.set()
        assert go.wait(5)
        return 0

    latest.submit(first)
    assert begun.wait(5)
    for number in range(1, 10):
        latest.submit(lambda number=number: done.append(number) or number)  # type: ignore[misc, func-returns-value]
    assert latest.busy and latest.take() is None
    go.set()
    assert latest.wait(5)
    assert (done, latest.take(), latest.take()) == ([9], 9, None)


def _fail(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (SeminarError("the mask is torn"), "torn"),
        (OSError(28, "No space left", "x.tif"), "x.tif"),
        (MemoryError(), "memory"),
    ],
)
def test_what_goes_wrong_is_an_outcome_in_words(error: BaseException, part: str) -> None:
    latest: Latest[int] = Latest("test")
    latest.submit(lambda: _fail(error))
    assert latest.wait(5)
    outcome = latest.take()
    assert isinstance(outcome, Fault) and part in outcome.reason
    latest.submit(lambda: 3)
    assert latest.wait(5) and latest.take() == 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_does_not_leave_it_busy() -> None:
    latest: Latest[int] = Latest("defect")
    latest.submit(lambda: _fail(ZeroDivisionError()))
    for thread in [thread for thread in threading.enumerate() if thread.name == "defect"]:
        thread.join(5)  # its defect is reported within this test, not in a later one
    assert not latest.busy
    latest.submit(lambda: 3)
    assert latest.wait(5) and latest.take() == 3


def test_no_thread_is_left() -> None:
    latest: Latest[int] = Latest("leftover")
    latest.submit(lambda: 1)
    assert latest.wait(5)
    assert not [
        thread
        for thread in threading.enumerate()
        if thread.name == "leftover" and thread.is_alive()
    ]


def test_the_newest_outcome_is_taken_where_two_are_there() -> None:
    latest: Latest[int] = Latest("test")
    for number in (1, 2):
        latest.submit(lambda number=number: number)
        assert latest.wait(5)
    assert latest.take() == 2 and latest.take() is None
