from __future__ import annotations

import threading
import time
from collections.abc import Callable

from seminar.errors import SeminarError
from seminar_napari.session.autosave import Autosave, NotSaved, Saved


def test_writes_in_order_and_only_the_newest_of_each_image() -> None:
    written: list[str] = []
    gate, begun = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        gate.wait(5)
        written.append("a1")

    autosave = Autosave()
    autosave.submit("a", slow)
    assert begun.wait(5)
    for name in ("b1", "b2", "c1", "a2", "b3"):
        autosave.submit(name[0], lambda name=name: written.append(name))
    gate.set()
    assert autosave.flush(5)
    assert written == ["a1", "b3", "c1", "a2"]
    assert [outcome.image_id for outcome in autosave.outcomes if isinstance(outcome, Saved)] == [
        "b",
        "c",
        "a",
    ]


def test_a_disk_that_refuses_is_told_and_tried_again_until_it_takes_the_clicks() -> None:
    tries = []

    def write() -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise OSError(28, "No space left on device", "/full/Clicks/a.json")

    autosave = Autosave(retry_seconds=0.02)
    autosave.submit("a", write)
    assert autosave.unsaved() == ("a",)
    deadline = time.monotonic() + 5
    while autosave.unsaved() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert autosave.unsaved() == ()
    assert len(tries) == 3
    failures = [outcome for outcome in autosave.outcomes if isinstance(outcome, NotSaved)]
    assert [failure.reason for failure in failures] == [
        "No space left on device (/full/Clicks/a.json)"
    ] * 2
    assert isinstance(autosave.outcomes[-1], Saved)


def test_one_image_that_cannot_be_written_does_not_keep_others_from_the_disk() -> None:
    written = []

    def never() -> None:
        raise SeminarError("classes.txt does not have class 7")

    autosave = Autosave(retry_seconds=0.01)
    autosave.submit("bad", never)
    autosave.submit("good", lambda: written.append("good"))
    deadline = time.monotonic() + 5
    while not written and time.monotonic() < deadline:
        time.sleep(0.005)
    assert written == ["good"]
    assert autosave.unsaved() == ("bad",)
    autosave.submit("bad", lambda: None)
    assert autosave.flush(5)


def test_flush_says_when_it_gave_up() -> None:
    autosave = Autosave(retry_seconds=0.05)

    def never() -> None:
        raise OSError(30, "Read-only file system")

    autosave.submit("a", never)
    assert not autosave.flush(0.1)
    autosave.submit("a", lambda: None)
    assert autosave.flush(5)


def test_no_thread_stays_when_nothing_waits() -> None:
    autosave = Autosave()
    done: list[int] = []
    write: Callable[[], None] = lambda: done.append(1)  # noqa: E731
    for _ in range(50):
        autosave.submit("a", write)
        autosave.submit("b", write)
    assert autosave.flush(5)
    deadline = time.monotonic() + 5
    while (
        any(thread.name == "seminar-autosave" for thread in threading.enumerate())
        and time.monotonic() < deadline
    ):
        time.sleep(0.005)
    assert not any(thread.name == "seminar-autosave" for thread in threading.enumerate())
    assert done


def test_flush_does_not_wait_for_the_next_try() -> None:
    tries: list[int] = []
    failed = threading.Event()

    def write() -> None:
        tries.append(1)
        if len(tries) == 1:
            failed.set()
            raise OSError(30, "Read-only file system")

    autosave = Autosave(retry_seconds=600)
    autosave.submit("a", write)
    assert failed.wait(5)
    while not autosave.outcomes:
        time.sleep(0.005)
    assert autosave.flush(5) and len(tries) == 2
