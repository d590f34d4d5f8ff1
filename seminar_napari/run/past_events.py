"""The past events of a run, as many as can still be seen."""

from __future__ import annotations

import os

from seminar.run.events import Event, Finished, Preview, Step, from_json_line
from seminar.run.folder import RunFolder

HISTORY_STEPS = 1500
"""Number of past `Step`s to show, evenly chosen; a week of training has a million."""

LAST_BYTES = 8192
"""The last event is within these."""

Entry = tuple[Event, float]
"""An event and its time, seconds since the epoch."""


def thinned(entries: list[Entry]) -> list[Entry]:
    """Keep an even choice of the `Step`s with the last one, and the newest `Preview` per image."""
    steps = [number for number, (event, _) in enumerate(entries) if isinstance(event, Step)]
    stride = -(-len(steps) // HISTORY_STEPS) if steps else 1
    keep = {*steps[::stride], *steps[-1:]}
    previews = [(event, n) for n, (event, _) in enumerate(entries) if isinstance(event, Preview)]
    keep |= set({event.image_id: number for event, number in previews}.values())
    return [
        entry
        for number, entry in enumerate(entries)
        if number in keep or not isinstance(entry[0], Step | Preview)
    ]


def is_finished(run: RunFolder) -> bool:
    """Whether the last event of a run says that all its stages are done."""
    try:
        with run.events_path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return False
    last = from_json_line(lines[-1]) if lines else None
    return last is not None and isinstance(last[0], Finished) and last[0].reason == "completed"
