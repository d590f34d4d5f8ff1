"""How good the masks are where truth exists: of this image, of all, and of an earlier run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from psygnal import Signal

from seminar.errors import SeminarError
from seminar.inference.metrics import class_iou, confusion_matrix, mean_of_present
from seminar.labels import LabelMap
from seminar.project.layout import PROBE
from seminar.run.events import Event, Validated
from seminar.run.folder import RunFolder
from seminar_napari.inspect.frames import Stamp
from seminar_napari.session.session import Session
from seminar_napari.workers.latest import Latest

MEASURE = "Overlap with the truth (mean IoU, 1 is perfect)"

STRIP_PIXELS = 1 << 20
"""Pixels counted at a time: a few milliseconds."""


@dataclass(frozen=True)
class RunScore:
    """The last score of a run's student on `images` images with truth; None if never scored."""

    run: RunFolder
    mean_iou: float | None
    images: int = 0


@dataclass(frozen=True)
class ImageScore:
    """The score of one image, and the frames of truth and student that it belongs to."""

    frames: tuple[Stamp, Stamp]
    mean_iou: float | None


def last_score(run: RunFolder) -> RunScore:
    """Read a run's events up to its last score; slow, a long run has many events."""
    score = RunScore(run, None)
    for event, _when, _offset in run.read_events():
        if isinstance(event, Validated) and event.network == "student":
            score = RunScore(run, event.mean_iou, event.images)
    return score


def image_score(
    truth: LabelMap, predicted: LabelMap, num_classes: int, *, strip_pixels: int = STRIP_PIXELS
) -> float | None:
    """Mean IoU over the classes in one image; None without truth or with maps of other sizes.

    Counted strip by strip: numpy counts without letting other threads run.
    """
    if truth.shape != predicted.shape:
        return None
    rows = max(1, strip_pixels // truth.shape[1])
    strips = [slice(top, top + rows) for top in range(0, truth.shape[0], rows)]
    try:
        confusions = [
            confusion_matrix(truth[strip], predicted[strip], num_classes) for strip in strips
        ]
    except SeminarError:  # a preview of an older class list
        return None
    return mean_of_present(class_iou(np.sum(confusions, axis=0)))


class Scores:
    """Keeps the scores of the shown image, of the followed run and of an earlier run."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self.image: float | None = None
        self.current: RunScore | None = None
        self.earlier: RunScore | None = None
        self._frames: tuple[Stamp, Stamp] | None = None
        self._session = session
        self._reader: Latest[RunScore] = Latest("seminar-scores")
        self._image_reader: Latest[ImageScore] = Latest("seminar-image-score")
        session.run_changed.connect(self._on_run)
        session.event_received.connect(self._on_event)
        self._on_run(session.run)

    def close(self) -> None:
        """Listen to nothing any more."""
        self._session.run_changed.disconnect(self._on_run)
        self._session.event_received.disconnect(self._on_event)

    def earlier_runs(self) -> tuple[str, ...]:
        """Names of the project's other runs, newest first."""
        project, run = self._session.project, self._session.run
        if project is None:
            return ()
        others = {PROBE, run.path.name if run is not None else ""}  # the probe keeps no scores
        return tuple(name for name in reversed(project.runs()) if name not in others)

    def compare_with(self, name: str) -> None:
        """Compare the followed run with the run of this name; "" for none."""
        project = self._session.project
        if project is None or not name:
            self._reader = Latest("seminar-scores")  # what is being read comes too late
            if self.earlier is not None:
                self.earlier = None
                self.changed.emit()
        elif self.earlier is None or self.earlier.run.path.name != name:
            self._reader.submit(partial(last_score, RunFolder.of(project.path, name)))

    def score_image(
        self, frames: tuple[Stamp, Stamp], truth: LabelMap, predicted: LabelMap, num_classes: int
    ) -> None:
        """Score the shown image in the background; the last score stays until then."""
        if frames != self._frames:
            self._frames = frames
            self._image_reader.submit(
                lambda: ImageScore(frames, image_score(truth, predicted, num_classes))
            )

    def forget_image(self) -> None:
        """Another image is shown, or one without truth or masks."""
        self._frames, self.image = None, None

    def poll(self) -> None:
        """Take what was read, in the window's thread."""
        outcome = self._reader.take()
        if isinstance(outcome, RunScore):
            self.earlier = outcome
            self.changed.emit()
        counted = self._image_reader.take()
        if isinstance(counted, ImageScore) and counted.frames == self._frames:
            self.image = counted.mean_iou
            self.changed.emit()

    def _on_run(self, run: RunFolder | None) -> None:
        self.current = None if run is None else RunScore(run, None)
        self.earlier = None
        self._reader = Latest("seminar-scores")  # what is being read comes too late
        self.changed.emit()

    def _on_event(self, event: Event, _when: float) -> None:
        if (
            isinstance(event, Validated)
            and event.network == "student"
            and self._session.run is not None
        ):
            self.current = RunScore(self._session.run, event.mean_iou, event.images)
            self.changed.emit()


def score_line(image: float | None, current: RunScore | None, earlier: RunScore | None) -> str:
    """The scores in one line; empty where there is none."""
    parts = []
    if image is not None:
        parts.append(f"this image {image:.2f}")
    if current is not None and current.mean_iou is not None:
        text = f"{_counted(current.images)} {current.mean_iou:.2f}"
        if earlier is not None and earlier.mean_iou is not None:
            if earlier.images == current.images:
                text += (
                    f" ({current.mean_iou - earlier.mean_iou:+.2f} against {earlier.run.path.name})"
                )
            else:
                text += (
                    f" ({earlier.run.path.name}: {earlier.mean_iou:.2f} on {earlier.images} other "
                    "images)"
                )
        parts.append(text)
    return f"{MEASURE}: {' · '.join(parts)}" if parts else ""


def _counted(images: int) -> str:
    return f"{images} images" if images != 1 else "1 image"
