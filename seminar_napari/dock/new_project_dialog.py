"""The form for a new project: which open layers, which classes, where."""

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
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from seminar.errors import SeminarError
from seminar.labels import voc_colour
from seminar_napari.dock.new_project import classes_from, create_from_layers, number_of_planes
from seminar_napari.qt.swatch import swatch


class NewProjectDialog(QDialog):
    """Makes a project of open image layers; `created` tells its folder and the first layer used."""

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
            item = QListWidgetItem(
                layer.name
                if planes == 1
                else f"{layer.name}   ({planes} planes become {planes} images)"
            )
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if layer.visible else Qt.CheckState.Unchecked)
            self.layer_list.addItem(item)
        self.layer_list.setMaximumHeight(120)
        self.classes = _ClassRows(("background", "object"))
        self.folder = QLineEdit(str(Path.home() / "seminar-project"))
        choose = QPushButton("Choose…")
        choose.clicked.connect(self._choose_folder)
        folder_row = QHBoxLayout()
        folder_row.addWidget(self.folder, 1)
        folder_row.addWidget(choose)
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
        layout = QVBoxLayout(self)
        for title, content in (
            ("Images", self.layer_list),
            ("Classes, the background first", self.classes),
        ):
            layout.addWidget(QLabel(title))
            layout.addWidget(content)
        layout.addWidget(QLabel("New folder for the project"))
        layout.addLayout(folder_row)
        layout.addWidget(self.message)
        layout.addWidget(self.progress)
        layout.addStretch(1)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(420)

    def chosen_layers(self) -> list[Image]:
        """The layers that are ticked."""
        items = [self.layer_list.item(row) for row in range(self.layer_list.count())]
        ticked = [item is not None and item.checkState() == Qt.CheckState.Checked for item in items]
        return [layer for layer, wanted in zip(self._layers, ticked, strict=True) if wanted]

    def create_project(self) -> None:
        """Make the project in the background; what is wrong stands in the form."""
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
        """Cancel; a copy that is going on is given up at the next image."""
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
            self.folder.setText(
                str(Path(parent) / (Path(self.folder.text()).name or "seminar-project"))
            )


class _ClassRows(QWidget):
    """Name and colour of each class, one row more at the click of +."""

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
        row, colour = len(self._names), QColor(*voc_colour(len(self._names)))
        edit = QLineEdit(name)
        edit.setPlaceholderText("name")
        button = QToolButton()
        button.setIcon(swatch(colour, is_background=row == 0))
        button.setToolTip("Clicks on the background are grey" if row == 0 else "Choose a colour")
        button.setEnabled(row > 0)
        button.clicked.connect(lambda: self._ask_colour(row, button))
        self._names.append(edit)
        self._colours.append(colour)
        self._grid.addWidget(QLabel(str(row)), row, 0)
        self._grid.addWidget(button, row, 1)
        self._grid.addWidget(edit, row, 2)
        self._grid.addWidget(self._add_button, row + 1, 1)
        return edit

    def values(self) -> tuple[list[str], list[str]]:
        """Names and colours "#rrggbb" of all rows."""
        return [edit.text() for edit in self._names], [colour.name() for colour in self._colours]

    def _ask_colour(self, row: int, button: QToolButton) -> None:
        dialog = QColorDialog(self._colours[row], self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(lambda colour: self.set_colour(row, button, colour))
        dialog.open()

    def set_colour(self, row: int, button: QToolButton, colour: QColor) -> None:
        """Give a class a colour."""
        self._colours[row] = colour
        button.setIcon(swatch(colour))
