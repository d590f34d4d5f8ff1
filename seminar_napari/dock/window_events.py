"""Events of napari's window: it closes, or a folder is dropped on its canvas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtGui import QDropEvent

from seminar_napari.annotate.annotation import Annotation
from seminar_napari.dock.ways_in import holds_images, what_is
from seminar_napari.train.close_guard import closes_by_script


class WindowEvents(QObject):
    """Writes waiting clicks before the window closes, and takes dropped folders.

    Without it, napari asks for a reader for each dropped folder.
    """

    dropped = Signal(object)  # paths: a project, or what holds images
    warned = Signal(str)

    def __init__(self, annotation: Annotation, parent: QObject) -> None:
        super().__init__(parent)
        self._annotation = annotation
        self._window: Any = None
        self._canvas: Any = None
        self._has_warned = False
        annotation.session.clicks_saved.connect(self._on_saved)

    def watch(self, window: Any, canvas: Any) -> None:
        """Watch this window and its canvas from now on."""
        if self._window is not window:
            self._window, self._canvas = window, canvas
            for watched in (window, canvas):
                if watched is not None:
                    watched.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Whether Qt must not handle the event."""
        if event is None or not hasattr(self, "_window"):  # deleted in part
            return False
        if event.type() == QEvent.Type.Close and watched is self._window:
            return self._holds_back(event)
        if event.type() == QEvent.Type.Drop and watched is self._canvas:
            return self.drop(event)
        return False

    def drop(self, event: QEvent, *, files: bool = False) -> bool:
        """Take what was dropped; return whether it is ours. See `dropped_paths`."""
        paths = dropped_paths(event, files=files)
        if paths and isinstance(event, QDropEvent):
            event.acceptProposedAction()
            self.dropped.emit(paths)
        return bool(paths)

    def _on_saved(self, _image_id: str) -> None:
        if not self._annotation.session.unsaved():
            self._has_warned = False  # the next fault is another one

    def _holds_back(self, event: QEvent) -> bool:
        """Whether the window must stay, once, because clicks cannot be written."""
        session = self._annotation.session
        self._annotation.keep_seconds()
        if session.flush() or self._has_warned or closes_by_script(self._window):
            return False
        self._has_warned = True
        self.warned.emit(
            f"Clicks of {', '.join(session.unsaved())} are not on disk. Make room or give access; "
            "closing the window again loses them."
        )
        event.ignore()
        return True


def dropped_paths(event: QEvent, *, files: bool = False) -> list[Path]:
    """What is dragged or dropped: a project, a folder of images, or image files where `files`.

    Empty for anything else, which is napari's.
    """
    data = event.mimeData() if isinstance(event, QDropEvent) else None
    urls = data.urls() if data is not None else []
    paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
    if len(paths) == 1 and what_is(paths[0]) in ("project", "images"):
        return paths
    return paths if files and paths and all(map(holds_images, paths)) else []
