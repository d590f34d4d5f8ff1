"""Images come into the open project, leave it, come back, and are held out; no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from seminar.errors import SeminarError
from seminar.project.images.changes import (
    Added,
    add_images,
    put_back,
    remove_images,
    removed_images,
)
from seminar_napari.session.followed_run import GOING
from seminar_napari.session.session import Session
from seminar_napari.session.training_warnings import some
from seminar_napari.workers.latest import Latest
from seminar_napari.workers.worker import Fault


class ImageChanges:
    """Changes which images the session's project has, and says what became of it.

    Attributes
    ----------
    done, total : int
        Files copied, and in all; 0 while nothing is copied.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._worker: Latest[tuple[Path, Added]] = Latest("seminar-images")
        self._is_cancelled = False
        self.done = self.total = 0

    @property
    def is_busy(self) -> bool:
        """Whether images are being copied."""
        return self._worker.busy

    def add(self, paths: Sequence[Path]) -> None:
        """Copy image files, or those in folders, into the project in the background."""
        project = self._session.project
        if project is None:
            self._say("Open a project first, then add images to it.")
        elif self.is_busy:
            self._say("Images are being copied: wait until they are in, then add others.")
        else:
            self._is_cancelled = False
            self._worker.submit(partial(self._add, project.path, paths))

    def cancel(self) -> None:
        """Stop copying soon; what has come in stays."""
        self._is_cancelled = True

    def poll(self) -> None:
        """Report what came in; in the window's thread."""
        outcome = self._worker.take()
        if outcome is None:
            return
        if isinstance(outcome, Fault):
            first, _, more = outcome.reason.partition("\n")
            self._say(f"Not added: {first}{_and(more.count(chr(10)) + 1 if more else 0)}")
        project = self._session.project
        if project is None or (isinstance(outcome, tuple) and outcome[0] != project.path):
            return
        self._refresh()
        if isinstance(outcome, tuple):
            self._say(_came("Added", outcome[1]))

    def remove(self, image_ids: Sequence[str]) -> None:
        """Take images out of the project; their files go into its folder `removed`."""
        project = self._session.project
        if project is None or not image_ids:
            return
        if self._session.state in GOING and self._session.run is not None:
            self._say(
                f"{self._session.run.path.name} may be training on {some(image_ids)}: stop it "
                "first, then remove images."
            )
            return
        self._session.leave(image_ids)  # first: the time spent on an image is written then
        if not self._session.flush():
            self._say("Clicks are not on disk yet: wait until they are, then remove images.")
        elif self._try(lambda: remove_images(project.path, image_ids)):
            self._refresh()
            self._say(
                f"{some(image_ids)} removed; clicks and image are kept, and 'Put back' in the same "
                "menu brings them back."
            )

    def removed(self) -> tuple[Path, ...]:
        """The files of images that can be put back."""
        project = self._session.project
        try:
            return removed_images(project.path) if project is not None else ()
        except OSError:
            return ()

    def put_back(self) -> None:
        """Put all removed images back."""
        project, added = self._session.project, list[Added]()
        if project is not None and self._try(
            lambda: added.append(put_back(project.path, self.removed()))
        ):
            self._refresh()
            self._say(_came("Put back", added[0]))

    def hold_out(self, image_ids: Sequence[str]) -> None:
        """Keep images out of training, for scoring."""
        self._try(lambda: self._session.hold_out(image_ids))

    def train_on(self, image_ids: Sequence[str]) -> None:
        """Train on images that were held out."""
        self._try(lambda: self._session.train_on(image_ids))

    def _add(self, project: Path, paths: Sequence[Path]) -> tuple[Path, Added]:
        try:
            return project, add_images(project, paths, progress=self._on_progress)
        finally:
            self.done = self.total = 0

    def _on_progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self._is_cancelled:
            raise SeminarError(f"cancelled; {done} of {total} files are in")

    def _refresh(self) -> None:
        self._try(self._session.take_images_from_disk)

    def _try(self, action: Callable[[], object]) -> bool:
        try:
            action()
        except SeminarError as error:
            self._say(str(error))
        except OSError as error:
            where = error.filename or "the project"
            self._say(f"{where}: {error.strerror or error}; make room or give access, then again")
        else:
            return True
        return False

    def _say(self, text: str) -> None:
        self._session.notice.emit(text)


def _came(verb: str, added: Added) -> str:
    text = f"{verb} {some(added.image_ids)}" if added.image_ids else "Nothing came in"
    if not added.left_out:
        return f"{text}."
    return f"{text}. Left out: {added.left_out[0]}{_and(len(added.left_out) - 1)}."


def _and(more: int) -> str:
    return f" (and {more} more like this)" if more else ""
