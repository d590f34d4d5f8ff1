"""Clicks of other programs come into the open project, and go back; no Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from seminar.clicks.readers.format_table import ENDINGS, format_of, read_clicks
from seminar.clicks.readers.found_clicks import Answers, Unanswered
from seminar.clicks.readers.source import Source
from seminar.errors import SeminarError
from seminar.io.names import shown
from seminar.project.import_clicks import take_back, write_import
from seminar.project.import_plan.match_images import ImageMatch
from seminar.project.import_plan.match_labels import LabelRules
from seminar.project.import_plan.plan_import import ImportPlan, plan_import
from seminar.project.project import Project
from seminar_napari.annotate.click_edits import ClickEdits
from seminar_napari.session.session import Session
from seminar_napari.workers.worker import Fault, Worker


@dataclass(frozen=True)
class Request:
    """Files to import, and what a person has said about them so far."""

    files: tuple[Path, ...]
    answers: Answers = field(default_factory=Answers)
    rules: LabelRules = field(default_factory=LabelRules)
    image: str | None = None
    by_frame: bool = False


@dataclass(frozen=True)
class Planned:
    """What the files would bring."""

    request: Request
    plan: ImportPlan


@dataclass(frozen=True)
class Asked:
    """What has to be said before the files can come in."""

    request: Request
    question: Unanswered


@dataclass(frozen=True)
class Written:
    """The clicks are in the project."""

    request: Request
    project: Project
    plan: ImportPlan


@dataclass(frozen=True)
class TakenBack:
    """The clicks are out of the project again."""

    written: Written


@dataclass(frozen=True)
class Cancelled:
    """Nothing came in, as was asked for."""


Outcome = Planned | Asked | Written | TakenBack | Cancelled


class ClickImport:
    """Imports in the background, and takes the last import back as a whole.

    Attributes
    ----------
    last : Written or None
        The import that can be taken back.
    done, total : int
        Images written, and in all; 0 while nothing is written.
    """

    def __init__(self, session: Session, edits: ClickEdits) -> None:
        self._session = session
        self._edits = edits
        self._worker: Worker[Outcome] = Worker("seminar-import-clicks")
        self._is_cancelled = False
        self._edits_then: dict[str, int] = {}
        self.last: Written | None = None
        self.done = self.total = 0
        edits.take_back_import = self._undo_on

    @property
    def is_busy(self) -> bool:
        """Whether an import is being read, written or taken back."""
        return self._worker.is_busy

    def forget(self) -> None:
        """Another project is open: nothing can be taken back."""
        self.last = None

    def read(self, request: Request) -> None:
        """Find out what the files would bring."""
        project = self._saved_project()
        if project is not None:
            self._worker.submit("read", partial(_planned, project, request))

    def write(self, planned: Planned) -> None:
        """Write what was planned."""
        project = self._saved_project()
        if project is not None:
            self._is_cancelled = False
            self.done, self.total = 0, len(planned.plan.images)
            self._worker.submit("write", partial(self._written, project, planned))

    def cancel(self) -> None:
        """Stop writing; what was written is taken back."""
        self._is_cancelled = True

    def undo(self) -> None:
        """Take the last import back."""
        if self.last is not None and self._saved_project() is not None:
            self._worker.submit("undo", partial(_taken_back, self.last))

    def take(self) -> Outcome | Fault | None:
        """What has happened, once; the window shows the project as it is then."""
        if not self._worker.outcomes:
            return None
        _, outcome = self._worker.outcomes.popleft()
        self.done = self.total = 0
        if isinstance(outcome, Written):
            self._show(outcome)
            self._edits_then = {
                image_id: self._edits.count(image_id) for image_id in outcome.plan.images
            }
            self.last = outcome
        elif isinstance(outcome, TakenBack):
            changed_since = [
                image_id
                for image_id, count in self._edits_then.items()
                if self._edits.count(image_id) != count
            ]
            self._show(outcome.written)
            self._edits.forget(changed_since)
            self.last = None
        return outcome

    def _show(self, written: Written) -> None:
        with self._edits.unrecorded():
            self._session.take_clicks_from_disk()

    def _saved_project(self) -> Project | None:
        """The open project, all of its clicks on disk."""
        session = self._session
        if session.project is not None and not session.flush():
            session.notice.emit("Clicks are not on disk yet: import again when they are.")
            return None
        return session.project

    def _undo_on(self, image_id: str) -> bool:
        """Take the import back if it is the last thing that happened to this image."""
        if self.last is None or image_id not in self.last.plan.images:
            return False
        if self._edits.count(image_id) != self._edits_then.get(image_id):
            return False
        self.undo()
        return True

    def _written(self, project: Project, planned: Planned) -> Outcome:
        states = write_import(project, planned.plan)
        for self.done, _ in enumerate(states, start=1):
            if self._is_cancelled:
                states.close()
                return Cancelled()
        return Written(planned.request, project, planned.plan)


def summary(written: Written) -> str:
    """One line about what came in, and what did not."""
    plan = written.plan
    images = sum(image.new > 0 for image in plan.images.values())
    names = ", ".join(shown(file.name) for file in written.request.files[:3])
    line = (
        f"{counted(plan.total('new'), 'click')} on {counted(images, 'image')} came in from {names}"
    )
    if rest := left_out(plan):
        line += f"; left out: {rest}"
    notes = "".join(f" {note}." for note in plan.notes)
    return f"{line}. Undo import takes them back.{notes}"


def counted(number: int, what: str) -> str:
    """Number and noun: "1 click", "1,200 clicks"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def left_out(plan: ImportPlan) -> str:
    """What would not come in, and why; "" where all would."""
    counts = {
        "doubled": plan.total("doubled"),
        "on a pixel of another class": plan.total("contradicting"),
        "outside of their image": plan.total("outside"),
        "of classes that are left out": plan.skipped,
        "on images that are not in the project": plan.unknown_images.total(),
    }
    return ", ".join(f"{count:,} {why}" for why, count in counts.items() if count)


def answered(request: Request, question: str, value: str | float | int) -> Request:
    """The request with one more answer; `question` as of `Unanswered`."""
    if question == "image":
        return dataclasses.replace(request, image=str(value))
    if question == "label":
        return dataclasses.replace(
            request, rules=dataclasses.replace(request.rules, unnamed=str(value))
        )
    given: dict[str, Any] = {question: value}
    return dataclasses.replace(request, answers=dataclasses.replace(request.answers, **given))


def are_clicks(paths: Sequence[Path]) -> bool:
    """Whether all of these are files with clicks, by ending and content."""
    try:
        return bool(paths) and all(
            path.suffix.lower() in ENDINGS and path.is_file() and bool(format_of(Source(path)))
            for path in paths
        )
    except SeminarError:
        return False


def _planned(project: Project, request: Request) -> Outcome:
    try:
        readings = {path: read_clicks(path, answers=request.answers) for path in request.files}
        match = ImageMatch(project.image_ids(), image=request.image, by_frame=request.by_frame)
        plan = plan_import(
            project, readings, match=match, rules=request.rules, answers=request.answers
        )
    except Unanswered as question:
        return Asked(request, question)
    return Planned(request, plan)


def _taken_back(written: Written) -> Outcome:
    take_back(written.project, written.plan)
    return TakenBack(written)
