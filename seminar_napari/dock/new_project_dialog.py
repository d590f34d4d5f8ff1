"""The form for a new project: layers, classes, folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari.layers import Image
from napari.qt.threading import thread_worker
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QToolButton,
    QWidget,
)

from seminar.errors import SeminarError
from seminar.labels import BACKGROUND, voc_colour
from seminar_napari.dock.new_project import classes_from, create_from_layers, number_of_planes
from seminar_napari.qt.builders import button, column, row
from seminar_napari.qt.swatch import swatch


class NewProjectDialog(QDialog):
    """Makes a project of open image layers; `created` carries its folder and the first layer."""

    created = Signal(object, object)

    def __init__(self, layers: Sequence[Image], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("New project")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._layers = list(layers)
        self._worker: Any = None
        self.layer_list = QListWidget()
        for layer in self._layers:
            planes = number_of_planes(layer)
            note = f"   ({planes} planes become {planes} images)" if planes != 1 else ""
            item = QListWidgetItem(layer.name + note)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if layer.visible else Qt.CheckState.Unchecked)
            self.layer_list.addItem(item)
        self.layer_list.setMaximumHeight(120)
        self.classes = _ClassRows(("background", "object"))
        self.folder = QLineEdit(str(Path.home() / "seminar-project"))
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.progress = QProgressBar()
        self.progress.hide()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        create_button = self.buttons.addButton("Create", QDialogButtonBox.ButtonRole.AcceptRole)
        assert create_button is not None  # for the type checker: Qt makes one
        self.create_button = create_button
        self.buttons.accepted.connect(self.create_project)
        self.buttons.rejected.connect(self.reject)
        choose = button("Choose…", action=self._choose_folder)
        layout = column(
            QLabel("Images"),
            self.layer_list,
            QLabel("Classes, the background first"),
            self.classes,
            QLabel("New folder for the project"),
            row(self.folder, choose, stretch=0, spacing=6),
            self.message,
            self.progress,
            margin=9,
        )
        layout.addStretch(1)
        layout.addWidget(self.buttons)
        self.setLayout(layout)
        self.setMinimumWidth(420)

    def chosen_layers(self) -> list[Image]:
        """The checked layers."""
        items = [self.layer_list.item(row) for row in range(self.layer_list.count())]
        ticked = [item is not None and item.checkState() == Qt.CheckState.Checked for item in items]
        return [layer for layer, wanted in zip(self._layers, ticked, strict=True) if wanted]

    def create_project(self) -> None:
        """Make the project in the background; the form shows what is wrong."""
        layers, folder = self.chosen_layers(), Path(self.folder.text().strip()).expanduser()
        try:
            classes = classes_from(*self.classes.values())
        except SeminarError as error:
            self.message.setText(str(error))
            return
        if not self.folder.text().strip() or not folder.is_absolute():
            self.message.setText("Choose a folder for the project.")
            return
        self.message.setText("Copying the images…")
        self.create_button.setEnabled(False)
        self.progress.setRange(0, 0)
        self.progress.show()
        worker = thread_worker(create_from_layers)(folder, layers, classes)
        worker.yielded.connect(self._show_progress)
        worker.errored.connect(self._show_error)
        worker.returned.connect(lambda _none: self._finish(folder, layers[0]))
        self._worker = worker
        worker.start()

    def reject(self) -> None:
        """Cancel; copying stops at the next image."""
        if self._worker is not None:
            self._worker.quit()
        super().reject()

    def _show_progress(self, done: tuple[int, int]) -> None:
        self.progress.setRange(0, done[1])
        self.progress.setValue(done[0])

    def _show_error(self, error: BaseException) -> None:
        self._worker = None
        self.message.setText(str(error))
        self.progress.hide()
        self.create_button.setEnabled(True)

    def _finish(self, folder: Path, layer: Image) -> None:
        self._worker = None
        self.created.emit(folder, layer)
        self.accept()

    def _choose_folder(self) -> None:
        parent = QFileDialog.getExistingDirectory(
            self, "Where to put the project", str(Path(self.folder.text()).parent)
        )
        if parent:
            name = Path(self.folder.text()).name or "seminar-project"
            self.folder.setText(str(Path(parent) / name))


class _ClassRows(QWidget):
    """Name and colour of each class; + adds a row."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._names: list[QLineEdit] = []
        self._colours: list[QColor] = []
        self._add_button = QToolButton()
        self._add_button.setText("+")
        self._add_button.setToolTip("Add a class")
        self._add_button.clicked.connect(lambda: self.add("").setFocus())
        for name in names:
            self.add(name)

    def add(self, name: str) -> QLineEdit:
        """Add a row."""
        class_id = len(self._names)
        colour = QColor(*voc_colour(class_id))
        edit = QLineEdit(name)
        edit.setPlaceholderText("name")
        is_grey = class_id == BACKGROUND
        choose = QToolButton()
        choose.setIcon(swatch(colour, is_background=is_grey))
        choose.setToolTip("Clicks on the background are grey" if is_grey else "Choose a colour")
        choose.setEnabled(not is_grey)
        choose.clicked.connect(lambda: self._ask_colour(class_id, choose))
        self._names.append(edit)
        self._colours.append(colour)
        self._grid.addWidget(QLabel(str(class_id)), class_id, 0)
        self._grid.addWidget(choose, class_id, 1)
        self._grid.addWidget(edit, class_id, 2)
        self._grid.addWidget(self._add_button, class_id + 1, 1)
        return edit

    def values(self) -> tuple[list[str], list[str]]:
        """Names and colours "#rrggbb" of all rows."""
        return [edit.text() for edit in self._names], [colour.name() for colour in self._colours]

    def _ask_colour(self, class_id: int, shown: QToolButton) -> None:
        dialog = QColorDialog(self._colours[class_id], self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(lambda colour: self.set_colour(class_id, shown, colour))
        dialog.open()

    def set_colour(self, class_id: int, shown: QToolButton, colour: QColor) -> None:
        """Give a class a colour."""
        self._colours[class_id] = colour
        shown.setIcon(swatch(colour))
