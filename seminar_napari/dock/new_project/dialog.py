"""The form for a new project: images, classes, folder."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QProgressBar,
    QWidget,
)

from seminar.errors import SeminarError
from seminar_napari.dock.new_project.class_rows import ClassRows
from seminar_napari.dock.new_project.file_choice import FileChoice
from seminar_napari.dock.new_project.from_layers import classes_from
from seminar_napari.dock.new_project.layer_choice import LayerChoice
from seminar_napari.qt.builders import (
    boxed,
    button,
    column,
    row,
    show_progress,
    timer,
    wrapped_label,
)
from seminar_napari.workers.latest import Latest
from seminar_napari.workers.worker import Fault

POLL_MILLISECONDS = 50
WIDTH = 460


class NewProjectDialog(QDialog):
    """Makes a project of open layers or of files.

    Enter goes from class to class and then to *Make project*.

    Parameters
    ----------
    images : LayerChoice or FileChoice
        The upper part of the form.
    folder : Path
        The suggested folder of the project.
    other : str
        What else can be done with the images, on a button of its own; "" for nothing.

    Attributes
    ----------
    created : Signal
        Carries the folder of the project, and the layer whose place its images take, or None.
    other_wanted : Signal
        The other button was pressed.
    """

    created = Signal(object, object)
    other_wanted = Signal()

    def __init__(
        self,
        images: LayerChoice | FileChoice,
        folder: Path,
        parent: QWidget | None = None,
        *,
        other: str = "",
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.images = images
        self._copied = self._total = 0
        self._is_cancelled = False
        self._worker: Latest[object] = Latest("seminar-new-project")
        self.classes = ClassRows(("background", "object"))
        self.classes.left.connect(lambda: self.create_button.setFocus())
        self.folder = QLineEdit(str(folder))
        self.message = wrapped_label()
        self.progress = QProgressBar()
        self.progress.hide()
        self.create_button = button("Make project", action=self.create_project)
        self.other = button(other, action=self._on_other)
        self.other.setVisible(bool(other))
        cancel = button("Cancel", action=self.reject)
        choose = button("Choose…", action=self._choose_folder)
        for each in (choose, cancel, self.other):
            each.setAutoDefault(False)
        self.create_button.setDefault(True)
        layout = column(
            images,
            QLabel("Classes, the background first"),
            self.classes,
            QLabel("New folder for the project"),
            row(self.folder, choose, stretch=0, spacing=6),
            self.message,
            self.progress,
            margin=9,
        )
        layout.addStretch(1)
        layout.addLayout(row(self.other, boxed(row()), cancel, self.create_button, stretch=1))
        self.setLayout(layout)
        self.setMinimumWidth(WIDTH)
        self._timer = timer(self, POLL_MILLISECONDS, self._poll)
        images.changed.connect(self._draw)
        self._draw()
        self.classes.begin(1)

    def create_project(self) -> None:
        """Make the project in the background; the form shows what is wrong."""
        if not self.create_button.isEnabled():
            return
        folder = Path(self.folder.text().strip()).expanduser()
        try:
            classes = classes_from(*self.classes.values())
            if not self.folder.text().strip() or not folder.is_absolute():
                raise SeminarError("Choose a folder for the project.")
            make = self.images.maker(folder, classes)
        except SeminarError as error:
            self.message.setText(str(error))
            return
        source = self.images.source()
        self.message.setText("Copying the images…")
        self._worker.submit(lambda: (make(self._on_progress), folder, source)[1:])
        show_progress(self.progress, 0, 0)
        self.progress.show()
        self._timer.start()
        self._draw()

    def reject(self) -> None:
        """Cancel; copying stops at the next image, and nothing is left."""
        self._is_cancelled = True
        super().reject()

    def _on_progress(self, done: int, total: int) -> None:
        """Called in the worker's thread."""
        self._copied, self._total = done, total
        if self._is_cancelled:
            raise SeminarError("cancelled")

    def _poll(self) -> None:
        show_progress(self.progress, self._copied, self._total)
        outcome = self._worker.take()
        if isinstance(outcome, Fault):
            self._timer.stop()
            remedy = "" if ";" in outcome.reason else "; choose another folder, or make room"
            self.message.setText(f"⚠ {outcome.reason}{remedy}")
            self.progress.hide()
            self._draw()
        elif isinstance(outcome, tuple):
            self._timer.stop()
            self.created.emit(*outcome)
            self.accept()

    def _draw(self) -> None:
        self.setWindowTitle(self.images.title)
        self.create_button.setEnabled(self.images.is_ready and not self._timer.isActive())

    def _on_other(self) -> None:
        self.other_wanted.emit()
        self.reject()

    def _choose_folder(self) -> None:
        parent = QFileDialog.getExistingDirectory(
            self, "Where to put the project", str(Path(self.folder.text()).parent)
        )
        if parent:
            name = Path(self.folder.text()).name or "seminar-project"
            self.folder.setText(str(Path(parent) / name))
