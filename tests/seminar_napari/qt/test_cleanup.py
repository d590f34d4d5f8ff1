from __future__ import annotations

import pytest
from psygnal import Signal

from seminar_napari.qt.cleanup import Cleanup


class Thing:
    said = Signal(str)

    def __init__(self) -> None:
        self.ended = 0

    def end(self) -> None:
        self.ended += 1

    def stumble(self) -> None:
        self.no_such_attribute  # noqa: B018


def test_all_is_undone_once() -> None:
    thing, heard = Thing(), list[str]()
    cleanup = Cleanup(thing.end)
    cleanup.connect(thing.said, heard.append)
    cleanup.add(thing.end)
    thing.said.emit("before")
    cleanup()
    cleanup()
    thing.said.emit("after")
    assert heard == ["before"] and thing.ended == 2


def test_what_is_gone_already_needs_no_end() -> None:
    first, second = Thing(), Thing()

    def deleted() -> None:
        raise RuntimeError("wrapped C/C++ object of type QTimer has been deleted")

    cleanup = Cleanup(deleted, first.end, second.end)
    first.__dict__.clear()  # as the garbage collector does with a cycle
    cleanup()
    assert second.ended == 1
    cleanup.__dict__.clear()
    cleanup()


class Emptied:
    """A signal as compiled psygnal leaves it to the garbage collector."""

    def __init__(self, message: str) -> None:
        self.message = message

    def connect(self, slot: object) -> None: ...

    def disconnect(self, slot: object) -> None:
        raise AttributeError(self.message)


def test_a_signal_that_the_garbage_collector_has_emptied_needs_no_disconnecting() -> None:
    thing = Thing()
    cleanup = Cleanup(thing.end)
    cleanup.connect(Emptied("attribute '_lock' of 'SignalInstance' undefined"), print)
    cleanup()
    assert thing.ended == 1
    cleanup.connect(Emptied("'Emptied' object has no attribute 'slots'"), print)
    with pytest.raises(AttributeError, match="slots"):
        cleanup()


def test_mistakes_are_not_swallowed() -> None:
    with pytest.raises(AttributeError, match="no_such_attribute"):
        Cleanup(Thing().stumble)()

    def fail() -> None:
        raise RuntimeError("cannot schedule new futures")

    with pytest.raises(RuntimeError):
        Cleanup(fail)()
