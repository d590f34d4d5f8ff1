"""The state of the window: project, image, clicks, followed run. The tabs only draw it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from psygnal import Signal

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.labels import ClassNames
from seminar.project.check.project import different_channels
from seminar.project.images.split_files import hold_out, train_on
from seminar.project.project import Project
from seminar_napari.session.classes_file import change_classes, read_classes
from seminar_napari.session.click_book import ClickBook
from seminar_napari.session.followed_run import FollowedRun
from seminar_napari.session.image_states import ImageState
from seminar_napari.session.probe import ProbeState
from seminar_napari.session.shown_image import ShownImage
from seminar_napari.session.training_split import held_out
from seminar_napari.session.training_warnings import some, warnings_before_training
from seminar_napari.workers.latest import Latest
from seminar_napari.workers.worker import Fault, Worker

FLUSH_SECONDS = 5.0
RETRY_SECONDS = 2.0


class Session(ShownImage, FollowedRun, ProbeState):
    """The state that the tabs share; no Qt, no torch.

    All signals are emitted in the thread that calls. Results of background work are emitted by
    `poll`, which the window calls ten times a second; `clicks_written` alone comes in the writer's
    thread, for those who cannot wait until the window has drawn the click.

    Parameters
    ----------
    retry_seconds : float
        Time after which clicks that could not be written are written again.

    Attributes
    ----------
    project : Project or None
    current_class : int
        Class of the next click.
    saved_at : float
        When clicks were last written, seconds since the epoch; 0 for never.
    not_saved : dict
        Why the newest clicks of an image could not be written, by image id.
    split : str
        The split to train on; images outside of it are held out.
    channels : tuple of int
        Channels of the images to learn from; empty for all.
    """

    project_changed = Signal(object)
    classes_changed = Signal(object)  # ClassNames: renamed, added, recoloured
    clicks_changed = Signal(str)
    clicks_saved = Signal(str)
    clicks_written = Signal(str)
    class_changed = Signal(int)
    notice = Signal(str)

    def __init__(self, retry_seconds: float = RETRY_SECONDS) -> None:
        ShownImage.__init__(self)
        FollowedRun.__init__(self)
        ProbeState.__init__(self)
        self.project: Project | None = None
        self.current_class = 1
        self.saved_at = 0.0
        self.not_saved: dict[str, str] = {}
        self.split = "train"
        self.channels: tuple[int, ...] = ()
        self._split_fault = self._classes_fault = ""
        self._held_out_reported: set[str] = set()
        self._book: ClickBook | None = None
        self._writer: Worker[float] = Worker("seminar-autosave", retry_seconds=retry_seconds)
        self._mixed = ""
        self._channels: Latest[tuple[Path, str]] = Latest("seminar-channels")

    # project
    def open_project(self, path: Path | str, *, show: bool = True) -> None:
        """Open the project folder at `path` and, where `show`, show its first image.

        Raises
        ------
        SeminarError
            No project there, or clicks of the open project are not on disk yet.
        """
        self._switch_to(Project.open(Path(path)), show=show)

    def create_project(self, path: Path | str, images: Sequence[Path], classes: ClassNames) -> None:
        """Make a project folder of copies of these image files, and open it."""
        self._switch_to(Project.create(Path(path), images, classes))

    def close_project(self) -> None:
        """Write all clicks, then close project and run."""
        self._switch_to(None)

    def _switch_to(self, project: Project | None, *, show: bool = True) -> None:
        if not self.flush():
            raise SeminarError(
                f"clicks of {', '.join(self.unsaved())} are not on disk yet; make room or give "
                "access to the project folder, then open the other one"
            )
        image_ids = project.image_ids() if project is not None else ()
        book = None
        if project is not None:
            book = ClickBook(project, self._writer, self.clicks_written.emit)
        left_out, split_fault = _left_out(project, self.split)
        self.show_image("")  # nothing fails from here on: never between two projects
        self.set_run(None)
        self._use_images(image_ids)
        self.project, self._book, self.saved_at = project, book, 0.0
        self._split_fault, self._classes_fault = split_fault, ""
        self.channels = ()
        if project is not None:
            self.current_class = min(self.current_class, project.classes.num_classes - 1)
        self.image_states.open(project, [name for name in image_ids if book and name in book])
        self._held_out_reported.clear()
        self._mixed = ""
        if project is not None:
            self._channels.submit(partial(_different_channels, project, image_ids))
        self.image_states.hold_out(left_out)
        self.project_changed.emit(project)
        self.class_changed.emit(self.current_class)
        if image_ids and show:
            self.show_image(image_ids[0])

    # the split
    def use_split(self, name: str) -> None:
        """Train on this split next."""
        if name != self.split:
            self.split = name
            self._hold_out()

    def use_channels(self, channels: Sequence[int]) -> None:
        """Learn from these channels next; none for all."""
        self.channels = tuple(channels)

    def train_on(self, image_ids: Sequence[str]) -> None:
        """Add images to the split, so that the next training learns from their clicks.

        Raises
        ------
        SeminarError, OSError
            The split's file is damaged or cannot be written.
        """
        were_scored = train_on(self._open_book().project.path, image_ids, self.split)
        self._hold_out()
        scored = ", and no longer in val.txt" if were_scored else ""
        self.notice.emit(
            f"{some(image_ids)} {'is' if len(image_ids) == 1 else 'are'} in {self.split}.txt "
            f"now{scored}: the next run trains on the clicks there."
        )

    def hold_out(self, image_ids: Sequence[str]) -> None:
        """Keep images out of training, for scoring.

        Raises
        ------
        SeminarError, OSError
            No image would be left to train on; a split's file is damaged or cannot be written.
        """
        hold_out(self._open_book().project.path, image_ids, self.split)
        self._held_out_reported.update(image_ids)  # a person who asked for it knows
        self._hold_out()
        self.notice.emit(
            f"{some(image_ids)} held out: the next run is scored there where SegmentationClass has "
            "masks, and does not train on the clicks."
        )

    def _hold_out(self) -> None:
        left_out, self._split_fault = _left_out(self.project, self.split)
        self.image_states.hold_out(left_out)

    # classes
    def take_classes_from_disk(self) -> None:
        """Use the classes.txt of now; where it is damaged, say so once and keep the classes."""
        if self.project is None:
            return
        try:
            classes = read_classes(self.project)
        except (SeminarError, OSError) as error:
            if self._classes_fault != str(error):
                self._classes_fault = str(error)
                self.notice.emit(f"{error}. Until then the classes stay as they were.")
            return
        self._classes_fault = ""
        if classes != self.project.classes:
            self._use_classes(classes)
            self.notice.emit("Another program changed classes.txt: its classes are shown now.")

    def set_classes(self, classes: ClassNames) -> None:
        """Write new names, colours and classes to classes.txt, and keep what others changed there.

        Raises
        ------
        DatasetError, OSError
            See `change_classes`; the changes of others are shown by then.
        """
        if self.project is not None:
            try:
                self._use_classes(change_classes(self.project, classes))
            except SeminarError:
                self.take_classes_from_disk()
                raise

    def _use_classes(self, classes: ClassNames) -> None:
        assert self.project is not None and self._book is not None
        self.project = self._book.project = dataclasses.replace(self.project, classes=classes)
        self.classes_changed.emit(classes)
        self.set_class(min(self.current_class, classes.num_classes - 1))

    def set_class(self, class_id: int) -> None:
        """Make `class_id` the class of the next click; ignored where there is no such class."""
        if self.project is None or not 0 <= class_id < self.project.classes.num_classes:
            return
        if class_id != self.current_class:
            self.current_class = class_id
            self.class_changed.emit(class_id)

    # images
    def take_images_from_disk(self) -> None:
        """Use the images that the project has now.

        Raises
        ------
        OSError
            Its folder cannot be read.
        """
        project = self.project
        if project is None:
            return
        image_ids, before = project.image_ids(), set(self.image_ids)
        if image_ids == self.image_ids:
            return
        self._hold_out()
        self.image_states.read(project, [name for name in image_ids if name not in before])
        self.image_states.forget(before - set(image_ids))
        self._change_images(image_ids)
        self._channels.submit(partial(_different_channels, project, image_ids))

    def image_size(self) -> tuple[int, int] | None:
        """(height, width) of the shown image; None without one, or where it cannot be read."""
        try:
            return self._open_book().project.image_size(self.image_id) if self.image_id else None
        except (SeminarError, OSError):  # reported where the image is shown
            return None

    # clicks
    def clicks(self, image_id: str) -> ClickSet:
        """The clicks of an image, read on first use; empty where there are none.

        Raises
        ------
        DatasetError
            Its file is damaged.
        """
        return self._open_book()[image_id]

    def set_clicks(self, image_id: str, clicks: ClickSet) -> None:
        """Change the clicks of an image and write them; `clicks_saved` follows.

        Clicks that another window wrote meanwhile are kept: see `take_clicks_from_disk`.
        """
        book = self._open_book()
        book[image_id] = clicks
        try:
            self._report_clicks(image_id)
        finally:  # after the drawing, which would wait for the writer, and whatever fails there
            book.write(image_id)
        if image_id not in self._held_out_reported and self.image_states[image_id].held_out:
            self._held_out_reported.add(image_id)
            self.notice.emit(
                f"{image_id} is not in {self.split}.txt: clicks there are not trained on. 'Train "
                "on this image' in the tab Annotate adds it."
            )

    def _report_clicks(self, image_id: str) -> None:
        self.image_states.put(image_id, ImageState.of(self.clicks(image_id)))
        self.clicks_changed.emit(image_id)

    def warnings(self) -> tuple[str, ...]:
        """Warnings before training, one sentence each."""
        if self.project is None:
            return ()
        self.image_states.wait(FLUSH_SECONDS)
        states = [(image_id, self.image_states[image_id]) for image_id in self.image_ids]
        found = warnings_before_training(states, self.project.classes, self.split)
        return (*filter(None, (self._split_fault, self._mixed)), *found)

    def take_clicks_from_disk(self) -> tuple[str, ...]:
        """Use what another program changed on disk, classes first; return the changed images."""
        # also while clicks wait: it may be a class that they wait for
        self.take_classes_from_disk()
        if self._book is None or self.unsaved():
            return ()
        changed = self._book.changed_on_disk(self.image_ids)
        return tuple(image_id for image_id in changed if self._read_again(image_id))

    def _read_again(self, image_id: str) -> bool:
        try:
            differ = self._open_book().read(image_id)
        except (SeminarError, OSError) as error:
            self.image_states.put(image_id, ImageState(fault=str(error)))
            return False
        if differ:
            self._report_clicks(image_id)
        elif self.image_states[image_id].fault:
            self.image_states.put(image_id, ImageState.of(self.clicks(image_id)))
        return differ

    def unsaved(self) -> tuple[str, ...]:
        """Images whose newest clicks are not on disk yet."""
        return self._writer.unfinished()

    def flush(self, timeout: float = FLUSH_SECONDS) -> bool:
        """Wait until all clicks are on disk, at most `timeout` seconds; return whether they are."""
        done = self._writer.wait(timeout)
        self.poll()
        return done

    def poll(self) -> None:
        """Report what happened in the background since the last call."""
        self.image_states.poll()
        self._report_channels()
        while self._writer.outcomes:
            image_id, outcome = self._writer.outcomes.popleft()
            if isinstance(outcome, Fault):
                self._report_not_saved(image_id, outcome.reason)
                continue
            self.saved_at = outcome
            if self.not_saved.pop(image_id, None) is not None:
                self.notice.emit(f"Clicks of {image_id} are on disk now.")
            self.clicks_saved.emit(image_id)

    def _report_channels(self) -> None:
        outcome = self._channels.take()
        if self.project is None or not isinstance(outcome, tuple):
            return
        path, mixed = outcome
        if mixed and path == self.project.path:
            self._mixed = (
                f"{mixed[:1].upper()}{mixed[1:]}. They do not train together: convert them, make a "
                "project of each kind, or set Channels to some that all of them have."
            )
            self.notice.emit(self._mixed)

    def _report_not_saved(self, image_id: str, reason: str) -> None:
        if self.not_saved.get(image_id) != reason:  # once, however often it is tried
            self.not_saved[image_id] = reason
            self.notice.emit(
                f"Clicks of {image_id} are not on disk yet: {reason}. Make room or give access; "
                "they are kept here and written again automatically."
            )

    def _open_book(self) -> ClickBook:
        if self._book is None:
            raise SeminarError("no project is open; open one first")
        return self._book


def _different_channels(project: Project, image_ids: Sequence[str]) -> tuple[Path, str]:
    return project.path, different_channels(project, image_ids)


def _left_out(project: Project | None, split: str) -> tuple[frozenset[str], str]:
    """The images that training on this split leaves out, and the fault of the split."""
    try:
        return (held_out(project, split) if project is not None else frozenset()), ""
    except SeminarError as error:
        return frozenset(), str(error)
