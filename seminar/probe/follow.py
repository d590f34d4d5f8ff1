"""A process that answers clicks: masks of the image on screen first, then of its neighbours."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from seminar.errors import CheckpointError, ConfigError, DatasetError, SeminarError
from seminar.probe.answer import told, write_answer
from seminar.probe.inbox import Inbox
from seminar.probe.probe import Probe
from seminar.probe.trust import Edges
from seminar.project.layout import PROBE, UNSURE, preview_path
from seminar.project.splits import training_ids
from seminar.run.folder import PROBE_RUN, RunFolder
from seminar.runtime.allocator import hand_back_memory
from seminar.runtime.devices import avoid_failed_onednn, is_out_of_memory

LOOK_SECONDS = 2.0
"""How often changes by other programs are looked for."""

PART_SECONDS = 1.0
"""After learning for so long, see whether there is something more urgent."""

LOOSE_SECONDS = 0.1
"""Learning from an image for so long made its features, which leaves a tenth of a gigabyte behind.
"""

SETTLE_SECONDS = 0.6
"""After so long without a message, the quick fit is replaced by the exact one."""

IDLE_SECONDS = 2.0
"""After so long without a message, neighbours and other images are done."""

SAVE_SECONDS = 4.0
"""After so long without a change, the model is written."""

NEIGHBOURS = 2

Result = TypeVar("Result")


class Follower:
    """Answers clicks until it is told to end.

    Parameters
    ----------
    probe : Probe
    say : callable
        Takes each event, a dict that JSON can hold.
    split : str
        Clicks on other images are not learnt from: they are held out for scoring.
    inbox : Inbox, optional
        Where messages come in, and its end.
    """

    def __init__(
        self,
        probe: Probe,
        say: Callable[[dict[str, Any]], None],
        *,
        split: str = "train",
        inbox: Inbox | None = None,
    ) -> None:
        self.probe = probe
        self.inbox = inbox or Inbox()
        self._split = split
        self._say = say
        self._clicks: dict[str, int] = {}  # when they changed
        self._images: dict[str, int] = {}
        self._is_newer = False  # what is learnt, than the fit
        self._version = 0  # of the fit
        self._is_fitted = False  # else there are too few clicks
        self._drawn: dict[str, int] = {}  # version that each image's mask is from
        self._kept: dict[str, int] = {}
        self._told: set[str] = set()
        self._state = ""
        self._saved = 0
        self._edges: tuple[str, Edges] | None = None
        self._is_rough = False  # the fit: a few steps from the one before
        self._looked = float("-inf")
        self._learnable: frozenset[str] = frozenset()

    def run(self) -> None:
        """Work until the end."""
        if not self.inbox.take_first():
            return
        while True:
            self._look_for_changes()
            is_busy = self._work()
            if not self.inbox.take(0.0 if is_busy else 0.2):
                return

    def _look_for_changes(self) -> None:
        """Find clicks, images and splits that other programs have changed."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        project = self.probe.project
        clicks, images = project.clicks_stamps(), project.image_stamps()
        learnable = self._learnable
        try:
            learnable = frozenset(training_ids(project, self._split))
        except DatasetError as error:
            if self._looked < 0:
                raise
            self._notice(_sentence(error))
        painted = _changed(self._images, images)
        self.inbox.clicked |= _changed(self._clicks, clicks)
        self.inbox.clicked |= clicks.keys() & (painted | (learnable ^ self._learnable))
        for image_id in painted:
            self._drawn.pop(image_id, None)
            self._edges = None
        self._clicks, self._images, self._learnable = clicks, images, learnable
        self._looked = time.monotonic()

    # work, the most urgent first
    def _work(self) -> bool:
        """Do one piece of work; whether there was one."""
        if self.inbox.clicked or not self._state:
            return self._learn()
        if (
            self._is_fitted
            and self.inbox.shown
            and self._drawn.get(self.inbox.shown) != self._version
        ):
            return self._draw(self.inbox.shown)
        silence = time.monotonic() - self.inbox.heard
        if self._is_rough and silence > SETTLE_SECONDS:
            self._fit(time.perf_counter())
            return True
        if silence < IDLE_SECONDS:
            return False
        for image_id, samples in self.probe.samples.items():
            if self._kept.get(image_id) != id(samples):
                self._kept[image_id] = id(samples)
                self.probe.keep_clicks(image_id)
                return True
        for image_id in self._others():
            self._draw(image_id)
            hand_back_memory()
            return True
        if self._is_fitted and self._version != self._saved and silence > SAVE_SECONDS:
            return self._save()
        return False

    def _learn(self) -> bool:
        """Learn from changed images, the one on screen first, and fit; in parts, if it takes long.

        Only the first fit and the answer to a click do not wait for the other images.
        """
        started, learnt = time.perf_counter(), set[str]()
        is_long = False
        for image_id in sorted(
            self.inbox.clicked, key=lambda each: (each != self.inbox.shown, each)
        ):
            learnt.add(image_id)
            began = time.perf_counter()
            self._is_newer |= self._learn_from(image_id)
            self.inbox.clicked.discard(image_id)
            if time.perf_counter() - began > LOOSE_SECONDS:
                hand_back_memory()
            is_long = time.perf_counter() - started > PART_SECONDS
            is_answer = self._is_fitted and image_id == self.inbox.shown
            if is_answer or is_long or not self.inbox.is_empty():
                break
        if self.probe.fallback:
            self._notice(self.probe.fallback + "; until then the live mask uses filters alone")
        is_urgent = self.inbox.shown in learnt or (is_long and not self._is_fitted)
        if (self._is_newer or not self._state) and (is_urgent or not self.inbox.clicked):
            self._fit(started, quickly=self._is_fitted)
        return True

    def _learn_from(self, image_id: str) -> bool:
        """Whether that changed anything."""
        if image_id not in self._learnable:
            return self.probe.forget([image_id])
        try:
            return self._with_less_memory(self.probe.learn, image_id)
        except (ConfigError, CheckpointError):
            raise  # it is the same for every image
        except (SeminarError, OSError) as error:
            self._notice(_sentence(error))
            return self.probe.forget([image_id])

    def _fit(self, started: float, *, quickly: bool = False) -> None:
        self._is_newer, self._is_rough = False, quickly
        self._is_fitted = self.probe.fit(quickly=quickly)
        self._version += 1
        if self._is_fitted:
            self._become("ready", features=self.probe.title)
            if self.inbox.shown:
                self._draw(self.inbox.shown, started)
            return
        for image_id in self.probe.project.image_ids():
            for name in (PROBE, UNSURE):
                preview_path(self.probe.project.path, image_id, name).unlink(missing_ok=True)
        self._become("waiting", text=self._what_is_missing())

    def _what_is_missing(self) -> str:
        present = self.probe.clicked_classes()
        if not present:
            return "The live mask needs clicks: one on an object and one on the background"
        (only,) = present
        name = self.probe.project.classes.names[only]
        return f"The live mask needs a click of a second class: all clicks are {name}"

    def _draw(self, image_id: str, started: float | None = None) -> bool:
        started = time.perf_counter() if started is None else started
        self._drawn[image_id] = self._version
        probe, trust = self.probe, None
        try:
            answer = self._with_less_memory(probe.predict, image_id)
            write_answer(probe.project, image_id, answer)
            if image_id == self.inbox.shown:
                if self._edges is None or self._edges[0] != image_id:
                    self._edges = image_id, Edges(probe.image(image_id))
                trust = self._edges[1].fit(answer.labels)
        except (SeminarError, OSError) as error:
            self._notice(_sentence(error))
            return True
        if probe.store.fault:
            self._notice(probe.store.fault)
        clicks = probe.num_clicks
        self._say(told(image_id, answer, clicks=clicks, trust=trust, started=started))
        return True

    def _with_less_memory(self, work: Callable[[str], Result], image_id: str) -> Result:
        """Do the work, while memory is short with fewer features in it."""
        while True:
            try:
                return work(image_id)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                avoid_failed_onednn(error)
            self._notice("memory is short: fewer features are kept, masks come more slowly")
            if not self.probe.store.shrink():
                path = self.probe.project.image_path(image_id)
                raise SeminarError(f"{path}: memory ran out; close other programs")

    def _others(self) -> Iterator[str]:
        """Images to draw while idle: neighbours, clicked ones, all the others.

        Neighbours follow each fit, clicked ones as far as their features are in memory; the others
        are drawn once, so that a click in a large project does not make all its features anew.
        """
        if not self._is_fitted:
            return
        ids = sorted(self._images)
        place = ids.index(self.inbox.shown) if self.inbox.shown in self._images else 0
        near = ids[max(0, place - NEIGHBOURS) : place + NEIGHBOURS + 1]
        for image_id in near:
            if self._drawn.get(image_id) != self._version:
                yield image_id
        for image_id in sorted(self.probe.samples):
            is_old = self._drawn.get(image_id) != self._version
            if is_old and self.probe.is_at_hand(image_id):
                yield image_id
        for image_id in (*sorted(self.probe.samples), *ids):
            if image_id not in self._drawn and image_id in self._images:
                yield image_id

    def _save(self) -> bool:
        self._saved = self._version
        run = RunFolder.of(self.probe.project.path, PROBE_RUN)
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            self.probe.save(run.model_path)
        except OSError as error:
            self._notice(_sentence(error))
        else:
            self._say({"event": "saved", "model": str(run.model_path)})
        return True

    # events
    def _become(self, event: str, **facts: str) -> None:
        state = json.dumps([event, facts])
        if state != self._state:
            self._state = state
            self._say({"event": event} | facts)

    def _notice(self, text: str) -> None:
        if text not in self._told:  # once, however often it happens
            self._told.add(text)
            self._say({"event": "notice", "text": text})


def _changed(before: Mapping[str, int], now: Mapping[str, int]) -> set[str]:
    """What is new, gone, or of another time."""
    return {each for each in before.keys() | now.keys() if before.get(each) != now.get(each)}


def _sentence(error: SeminarError | OSError) -> str:
    match error:
        case DatasetError(faults=(first, *_)):
            return str(first)
        case OSError():
            where = error.filename or "a file"
            return f"{where}: {error.strerror or error}; make room or give access"
    return str(error)
