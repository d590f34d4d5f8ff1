"""The progress of each image: clicks per class, faults, seconds, and whether it trains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from psygnal import Signal

from seminar.clicks.click_set import ClickSet
from seminar.labels import BACKGROUND
from seminar.project.project import Project
from seminar_napari.workers.worker import Fault, Worker

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
    """Summary of the clicks of an image.

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
        Whether training ignores the image, because it is not in the split.
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
    """The states of all images of a project, read in the background and reported by `poll`.

    Attributes
    ----------
    held_out : frozenset of str
        Images that training leaves out.
    """

    changed = Signal(object)  # tuple of image ids

    def __init__(self) -> None:
        self._states: dict[str, ImageState] = {}
        self.held_out: frozenset[str] = frozenset()
        self._reader: Worker[ImageState] = Worker("seminar-image-states")

    def open(self, project: Project | None, with_clicks: Iterable[str] = ()) -> None:
        """Begin with a project; `with_clicks` are the images that have a click file."""
        self._reader.forget()
        self._states.clear()
        self.held_out = frozenset()
        if project is not None:
            self.read(project, with_clicks)

    def read(self, project: Project, image_ids: Iterable[str]) -> None:
        """Read the states of these images, soon; images without clicks need not be among them."""
        for image_id in image_ids:
            self._reader.submit(image_id, partial(_read_state, project, image_id))

    def forget(self, image_ids: Iterable[str]) -> None:
        """These images have left the project."""
        for image_id in image_ids:
            self._states.pop(image_id, None)

    @property
    def is_reading(self) -> bool:
        """Whether some states are not known yet."""
        return self._reader.is_busy or bool(self._reader.outcomes)

    def wait(self, timeout: float) -> None:
        """Wait until all states are read, and report them."""
        self._reader.wait(timeout)
        self.poll()

    def poll(self) -> None:
        """Report the states that were read since the last call."""
        news = []
        while self._reader.outcomes:
            image_id, state = self._reader.outcomes.popleft()
            if image_id not in self._states:
                if isinstance(state, Fault):
                    state = ImageState(fault=state.reason)
                self._states[image_id] = self._marked(image_id, state)
                news.append(image_id)
        if news:
            self.changed.emit(tuple(news))

    def put(self, image_id: str, state: ImageState) -> None:
        """Set the state of an image."""
        self._states[image_id] = self._marked(image_id, state)
        self.changed.emit((image_id,))

    def hold_out(self, image_ids: frozenset[str]) -> None:
        """Leave these images, and no others, out of training."""
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

    def clicked_classes(self) -> set[int]:
        """The classes that have clicks in any image, as far as the images were read."""
        return {class_id for state in self._states.values() for class_id, _ in state.counts}

    def number_ready(self) -> int:
        """Number of images that train and have objects and background."""
        return sum(state.kind == "ready" for state in self._states.values())

    def mean_seconds(self) -> float | None:
        """Mean seconds over the images that are ready and were timed; None without any."""
        timed = [
            state.seconds
            for state in self._states.values()
            if state.kind == "ready" and state.seconds > 0
        ]
        return sum(timed) / len(timed) if timed else None


def _read_state(project: Project, image_id: str) -> ImageState:
    clicks = project.read_clicks(image_id)
    return ImageState.of(clicks) if clicks is not None else _UNTOUCHED
