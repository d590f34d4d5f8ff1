"""How far each image is: clicks per class, faults, seconds, and whether it trains."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from psygnal import Signal

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.labels import BACKGROUND
from seminar.project.project import Project

Kind = Literal["ready", "objects only", "nothing", "held out", "fault"]
SYMBOLS: dict[Kind, str] = {
    "ready": "●",
    "objects only": "◐",
    "nothing": "○",
    "held out": "–",
    "fault": "!",
}


@dataclass(frozen=True)
class ImageState:
    """What the clicks of an image amount to.

    Attributes
    ----------
    counts : tuple of (class_id, number)
        Clicks of each class that has any, by class id.
    outside : int
        Clicks that fall on no pixel of the image.
    seconds : float
        Time a person has spent on the image; 0 where unknown.
    fault : str
        Why the clicks cannot be read; "" where they can.
    held_out : bool
        Whether training leaves the image out, because it is not in the split; clicks there teach
        nothing.
    """

    counts: tuple[tuple[int, int], ...] = ()
    outside: int = 0
    seconds: float = 0.0
    fault: str = ""
    held_out: bool = False

    @classmethod
    def of(cls, clicks: ClickSet) -> ImageState:
        """The state that these clicks make."""
        class_ids, numbers = np.unique(clicks.class_ids, return_counts=True)
        counts = tuple(zip(class_ids.tolist(), numbers.tolist(), strict=True))
        return cls(counts, int((~clicks.inside()).sum()), clicks.seconds)

    @property
    def background(self) -> int:
        return dict(self.counts).get(BACKGROUND, 0)

    @property
    def objects(self) -> int:
        return sum(number for class_id, number in self.counts if class_id != BACKGROUND)

    @property
    def kind(self) -> Kind:
        if self.fault:
            return "fault"
        if self.held_out:
            return "held out"
        if self.objects and self.background:
            return "ready"
        return "objects only" if self.objects or self.background else "nothing"

    @property
    def is_to_do(self) -> bool:
        return self.kind not in ("ready", "held out")


_UNTOUCHED = ImageState()
_HELD_OUT = ImageState(held_out=True)


class ImageStates:
    """The states of all images of a project; those on disk are read in the background and told by
    `poll`.

    Attributes
    ----------
    held_out : frozenset of str
        Images that training leaves out.
    """

    changed = Signal(object)  # tuple of image ids

    def __init__(self) -> None:
        self._states: dict[str, ImageState] = {}
        self.held_out: frozenset[str] = frozenset()
        self._found: deque[tuple[int, str, ImageState]] = deque()
        self._generation = 0
        self._thread: threading.Thread | None = None

    def open(self, project: Project | None, with_clicks: Sequence[str] = ()) -> None:
        """Begin with a project; `with_clicks` are the images that have a click file."""
        self._generation += 1
        self._states.clear()
        self._found.clear()
        self.held_out = frozenset()
        if project is not None and with_clicks:
            arguments = (project, tuple(with_clicks), self._generation)
            self._thread = threading.Thread(
                target=self._read, args=arguments, name="seminar-image-states", daemon=True
            )
            self._thread.start()

    @property
    def is_reading(self) -> bool:
        """Whether some states are not known yet."""
        return bool(self._found) or (self._thread is not None and self._thread.is_alive())

    def wait(self, timeout: float) -> None:
        """Wait until all states are read, and tell them."""
        if self._thread is not None:
            self._thread.join(timeout)
        self.poll()

    def poll(self) -> None:
        """Take over what was read since the last call."""
        news = []
        while self._found:
            generation, image_id, state = self._found.popleft()
            if generation == self._generation and image_id not in self._states:
                self._states[image_id] = self._marked(image_id, state)
                news.append(image_id)
        if news:
            self.changed.emit(tuple(news))

    def put(self, image_id: str, state: ImageState) -> None:
        """This is the image's state now."""
        self._states[image_id] = self._marked(image_id, state)
        self.changed.emit((image_id,))

    def hold_out(self, image_ids: frozenset[str]) -> None:
        """These images, and no others, are left out of training."""
        changed = image_ids ^ self.held_out
        self.held_out = image_ids
        for image_id in changed & self._states.keys():
            self._states[image_id] = self._marked(image_id, self._states[image_id])
        if changed:
            self.changed.emit(tuple(changed))

    def _marked(self, image_id: str, state: ImageState) -> ImageState:
        held_out = image_id in self.held_out
        return state if state.held_out == held_out else replace(state, held_out=held_out)

    def __getitem__(self, image_id: str) -> ImageState:
        state = self._states.get(image_id)
        return state or (_HELD_OUT if image_id in self.held_out else _UNTOUCHED)

    def number_ready(self) -> int:
        """How many images that train have objects and background."""
        return sum(state.kind == "ready" for state in self._states.values())

    def mean_seconds(self) -> float | None:
        """Seconds per image over the images that are ready and were timed; None where there is
        none.
        """
        timed = [
            state.seconds
            for state in self._states.values()
            if state.kind == "ready" and state.seconds > 0
        ]
        return sum(timed) / len(timed) if timed else None

    def _read(self, project: Project, image_ids: Sequence[str], generation: int) -> None:
        for image_id in image_ids:
            if generation != self._generation:
                return
            self._found.append((generation, image_id, _read_state(project, image_id)))


def _read_state(project: Project, image_id: str) -> ImageState:
    try:
        clicks = project.read_clicks(image_id)
    except (SeminarError, OSError) as error:
        return ImageState(fault=str(error))
    return ImageState.of(clicks) if clicks is not None else _UNTOUCHED
