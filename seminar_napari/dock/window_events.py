"""Events of napari's window: it closes, or a project is dropped on its canvas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtGui import QDropEvent

from seminar.project.layout import is_project
from seminar_napari.annotate.annotation import Annotation
from seminar_napari.train.close_guard import closes_by_script


class WindowEvents(QObject):
    """Writes waiting clicks before the window closes, and opens projects without a question.

    Without it, napari asks for a reader for each dropped folder.
    """

    dropped = Signal(object)  # the folder of a project
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

    def drop(self, event: QEvent) -> bool:
        """Open the project that was dropped; return whether it is one."""
        path = dropped_project(event)
        if path is not None and isinstance(event, QDropEvent):
            event.acceptProposedAction()
            self.dropped.emit(path)
        return path is not None

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


def dropped_project(event: QEvent) -> Path | None:
    """The project folder that is dragged or dropped; None for anything else."""
    data = event.mimeData() if isinstance(event, QDropEvent) else None
    urls = data.urls() if data is not None else []
    paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
    return paths[0] if len(paths) == 1 and is_project(paths[0]) else None
