"""The curves and marks of a run, gathered from its events; no Qt."""

from __future__ import annotations

import bisect

from seminar.run.events import ClicksTaken, Event, StageStarted, Started, Step, Validated

POINTS = 2000
"""A curve with more points is thinned to half."""

MARKS = 24
"""About the largest number of click marks; clicks between two are counted with the first."""


class Track:
    """One curve, (stage, iteration) → value, in order; a resumed stage overwrites its values."""

    def __init__(self) -> None:
        self.keys: list[tuple[int, int]] = []
        self.values: list[float] = []

    def add(self, key: tuple[int, int], value: float) -> None:
        if not self.keys or key > self.keys[-1]:
            self.keys.append(key)
            self.values.append(value)
        else:
            place = bisect.bisect_left(self.keys, key)
            if self.keys[place] == key:
                self.values[place] = value
            else:
                self.keys.insert(place, key)
                self.values.insert(place, value)
        if len(self.keys) > POINTS:
            del self.keys[1:-1:2], self.values[1:-1:2]

    def cut(self, stage: int, iteration: int) -> None:
        """Forget what comes after this iteration of the stage."""
        place = bisect.bisect_right(self.keys, (stage, iteration))
        del self.keys[place:], self.values[place:]


class History:
    """The curves and marks of a run; no Qt."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.lengths: dict[str, int] = {}
        self.losses: dict[str, Track] = {}
        self.scores: dict[str, Track] = {}
        self.clicks: dict[tuple[int, int], int] = {}

    def take(self, event: Event) -> None:
        """Follow one event."""
        match event:
            case Started():
                self.stages = [*event.stages]
            case StageStarted():
                stage = self._stage(event.stage)
                self.lengths[event.stage] = event.iterations
                if event.iteration >= event.iterations:  # a resumed run skips this finished stage
                    return
                for track in (*self.losses.values(), *self.scores.values()):
                    track.cut(stage, event.iteration)
                self.clicks = {
                    place: count
                    for place, count in self.clicks.items()
                    if place <= (stage, event.iteration)
                }
            case Step():
                self.lengths[event.stage] = event.iterations
                # one tuple for all curves: thousands are kept
                place = (self._stage(event.stage), event.iteration)
                for term, value in event.losses.items():
                    self.losses.setdefault(term, Track()).add(place, value)
            case Validated():
                place = (self._stage(event.stage), event.iteration)
                self.scores.setdefault(event.network, Track()).add(place, event.mean_iou)
            case ClicksTaken():
                place = (self._stage(event.stage), event.iteration)
                self.clicks[place] = self.clicks.get(place, 0) + event.added + event.removed
            case _:
                pass

    def _stage(self, name: str) -> int:
        if name not in self.stages:
            self.stages.append(name)
        return self.stages.index(name)

    def x(self, key: tuple[int, int]) -> int:
        """Iterations since the start of the run."""
        stage, iteration = key
        return sum(self.lengths.get(name, 0) for name in self.stages[:stage]) + iteration

    def click_marks(self) -> list[tuple[int, int]]:
        """Where new clicks were first used, and how many, in order."""
        places = sorted((self.x(place), count) for place, count in self.clicks.items())
        end = max(
            (self.x(track.keys[-1]) for track in self.losses.values() if track.keys), default=0
        )
        marks: list[tuple[int, int]] = []
        for x, count in places:
            if marks and x - marks[-1][0] <= end / MARKS:
                marks[-1] = (marks[-1][0], marks[-1][1] + count)
            else:
                marks.append((x, count))
        return marks

    def boundaries(self) -> list[tuple[int, str]]:
        """Where a later stage began, and its name."""
        begun = [
            number for number, name in enumerate(self.stages) if name in self.lengths and number
        ]
        return [(self.x((number, 0)), self.stages[number]) for number in begun]
