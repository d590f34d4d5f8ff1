"""The record of a run: every event as a line of events.jsonl."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator

from seminar.errors import SeminarError
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.runtime.distributed import is_first_process

FAILURES = (
    SeminarError,
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
)
"""Errors that end a run and are recorded as `Failed`."""


def record(run: RunFolder, stream: Iterator[events.Event]) -> Iterator[events.Event]:
    """Append the events of a run to its events.jsonl and pass them on.

    An error is recorded as a `Failed` event and raised. Events that do not fit on a full disk are
    appended together with a later event.
    """
    waiting: deque[events.Event] = deque()
    try:
        for event in stream:
            waiting.append(event)
            with contextlib.suppress(OSError):
                _append(run, waiting)
            yield event
        _append(run, waiting)
    except FAILURES as error:
        if is_first_process():
            message = str(error).splitlines()[0] if str(error) else type(error).__name__
            waiting.append(events.Failed(message=message))
            with contextlib.suppress(OSError):
                _append(run, waiting)
        raise


def _append(run: RunFolder, waiting: deque[events.Event]) -> None:
    while waiting and run.path.is_dir():
        run.append_event(waiting[0])
        waiting.popleft()
