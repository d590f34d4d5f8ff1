"""A run's past, as much of it as a person can still see."""

from __future__ import annotations

import os

from seminar.run.events import Event, Finished, Preview, Step, from_json_line
from seminar.run.folder import RunFolder

HISTORY_STEPS = 1500
"""So many `Step`s of a run's past are passed on, evenly chosen; a week of training has a
million.
"""

LAST_BYTES = 8192
"""The last event stands in these."""

Entry = tuple[Event, float]
"""An event and its time, seconds since the epoch."""


def thinned(entries: list[Entry]) -> list[Entry]:
    """All that a person can still see of a run's past: of many `Step`s an even choice and the
    last, of `Preview`s the newest of each image.
    """
    steps = [number for number, (event, _) in enumerate(entries) if isinstance(event, Step)]
    stride = -(-len(steps) // HISTORY_STEPS) if steps else 1
    keep = {*steps[::stride], *steps[-1:]}
    newest = {
        event.image_id: number
        for number, (event, _) in enumerate(entries)
        if isinstance(event, Preview)
    }
    keep |= set(newest.values())
    return [
        entry
        for number, entry in enumerate(entries)
        if number in keep or not isinstance(entry[0], Step | Preview)
    ]


def is_finished(run: RunFolder) -> bool:
    """Whether a run's last word is that all its stages are done."""
    try:
        with run.events_path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return False
    last = from_json_line(lines[-1]) if lines else None
    return last is not None and isinstance(last[0], Finished) and last[0].reason == "completed"
