"""The row "Import clicks…" of the Annotate tab, and clicks dropped on the window."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog, QWidget

from seminar.clicks.readers.format_table import ENDINGS
from seminar_napari.annotate.click_edits import ClickEdits
from seminar_napari.annotate.click_import import (
    Asked,
    Cancelled,
    ClickImport,
    Planned,
    Request,
    TakenBack,
    Written,
    answered,
    are_clicks,
    left_out,
    summary,
)
from seminar_napari.annotate.import_dialog import BY_FRAME, ClassesDialog, QuestionDialog
from seminar_napari.qt.builders import button, row, timer
from seminar_napari.session.session import Session
from seminar_napari.workers.worker import Fault

POLL_MILLISECONDS = 100


class ImportRow(QWidget):
    """Starts imports, asks what they need to know, says what came in, and takes it back."""

    def __init__(
        self, session: Session, edits: ClickEdits, viewer: Any, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._viewer = viewer
        self.job = ClickImport(session, edits)
        self.dialog: QuestionDialog | ClassesDialog | None = None
        self.choose = button(
            "Import clicks…",
            "Clicks made in ImageJ, QuPath, CVAT, Label Studio, labelme, napari and others; or "
            "drop the files on this tab or on the image",
            self._on_button,
            takes_focus=False,
        )
        self.undo = button(
            "Undo import",
            "Remove the clicks that came in last; clicks made since stay",
            self.job.undo,
            takes_focus=False,
        )
        self.undo.hide()
        layout = row(self.choose, self.undo)
        layout.addStretch(1)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)
        self._drops = _Drops(self)
        session.project_changed.connect(self._on_project)
        self._timer = timer(self, POLL_MILLISECONDS, self.poll)
        self._timer.start()

    @property
    def has_project(self) -> bool:
        """Whether there is a project to import into."""
        return self._session.project is not None

    def ask(self) -> None:
        """Let the user choose files."""
        dialog = QFileDialog(self, "Import clicks")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        patterns = " ".join(f"*{ending}" for ending in ENDINGS)
        dialog.setNameFilters([f"Clicks ({patterns})", "All files (*)"])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda names: self.start([Path(name) for name in names]))
        dialog.open()

    def start(self, paths: Sequence[Path]) -> None:
        """Import these files, asking where needed."""
        if self._session.project is None:
            self._session.notice.emit("Open a project first, then import clicks into it.")
        elif self.job.is_busy:
            self._session.notice.emit("An import is going on: wait until it is done.")
        else:
            self.job.read(Request(tuple(paths)))

    def watch_drops(self) -> None:
        """Take clicks that are dropped on napari's canvas; called when there is a window."""
        self._drops.watch(getattr(getattr(self._viewer, "window", None), "_qt_viewer", None))

    def poll(self) -> None:
        """Show how far the import is, and what became of it."""
        is_writing = self.job.total > 0
        self.choose.setText(
            f"Cancel ({self.job.done}/{self.job.total})" if is_writing else "Import clicks…"
        )
        match self.job.take():
            case Asked() as asked:
                self._ask(asked)
            case Planned() as planned:
                self._on_plan(planned)
            case Written() as written:
                self._session.notice.emit(summary(written))
            case TakenBack():
                self._session.notice.emit("The imported clicks are out again.")
            case Cancelled():
                self._session.notice.emit("The import was cancelled: nothing came in.")
            case Fault(reason):
                first, _, more = reason.partition("\n")
                others = f" (and {more.count(chr(10)) + 1} more like this)" if more else ""
                self._session.notice.emit(f"Nothing was imported: {first}{others}")
            case None:
                pass
        self.undo.setVisible(self.job.last is not None)

    def _on_button(self) -> None:
        if self.job.total:
            self.job.cancel()
        else:
            self.ask()

    def _on_plan(self, planned: Planned) -> None:
        plan = planned.plan
        if plan.unknown_labels:
            self._ask_classes(planned)
        elif plan.total("new"):
            self.job.write(planned)
        else:
            rest = left_out(plan) or "there are none in the files"
            self._session.notice.emit(f"No clicks came in: {rest}.")

    def _ask(self, asked: Asked) -> None:
        project = self._session.project
        if project is None:
            return
        dialog = QuestionDialog(
            asked.question, self._session.image_ids, project.classes.names, self
        )

        def go_on() -> None:
            answer = dialog.answer()
            if answer == BY_FRAME:
                self.job.read(dataclasses.replace(asked.request, by_frame=True))
            else:
                self.job.read(answered(asked.request, dialog.question, answer))

        dialog.accepted.connect(go_on)
        self._open(dialog)

    def _ask_classes(self, planned: Planned) -> None:
        project = self._session.project
        if project is None:
            return
        dialog = ClassesDialog(planned.plan.unknown_labels, project.classes.names, self)

        def go_on() -> None:
            rules = dataclasses.replace(planned.request.rules, mapping=dialog.mapping(), add=True)
            self.job.read(dataclasses.replace(planned.request, rules=rules))

        dialog.accepted.connect(go_on)
        self._open(dialog)

    def _open(self, dialog: QuestionDialog | ClassesDialog) -> None:
        self.dialog = dialog
        dialog.destroyed.connect(self._on_closed)
        dialog.open()

    def _on_closed(self) -> None:
        self.dialog = None

    def _on_project(self, _project: object) -> None:
        self.job.forget()
        self.undo.hide()


class _Drops(QObject):
    """Takes dropped files with clicks before napari asks how to open them."""

    def __init__(self, row: ImportRow) -> None:
        super().__init__(row)
        self._row = row
        self._canvas: Any = None

    def watch(self, canvas: Any) -> None:
        if canvas is not None and canvas is not self._canvas:
            self._canvas = canvas
            canvas.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Whether napari must not handle the event."""
        if event is None or event.type() != QEvent.Type.Drop or not hasattr(self, "_row"):
            return False
        paths = dropped_clicks(event)
        if paths and self._row.has_project and isinstance(event, QDropEvent):
            event.acceptProposedAction()
            self._row.start(paths)
            return True
        return False


def dropped_clicks(event: QEvent) -> list[Path]:
    """The files with clicks that are dragged or dropped; none for anything else."""
    data = event.mimeData() if isinstance(event, QDropEvent) else None
    urls = data.urls() if data is not None else []
    paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
    return paths if are_clicks(paths) else []
