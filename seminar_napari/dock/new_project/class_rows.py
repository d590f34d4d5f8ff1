"""Names and colours of the classes of a new project."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import QColorDialog, QGridLayout, QLabel, QLineEdit, QToolButton, QWidget

from seminar.labels import BACKGROUND, voc_colour
from seminar_napari.qt.swatch import swatch


class NameField(QLineEdit):
    """A field that keeps Enter to itself: a dialog would take it for its button."""

    entered = Signal()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Tell of Enter, and handle other keys as usual."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
            self.entered.emit()
        else:
            super().keyPressEvent(event)


class ClassRows(QWidget):
    """Name and colour of each class; + adds a row, Enter goes to the next one.

    Attributes
    ----------
    names : list of NameField
    left : Signal
        Enter was pressed in the last row.
    """

    left = Signal()

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self.names: list[NameField] = []
        self._colours: list[QColor] = []
        self._add_button = QToolButton()
        self._add_button.setText("+")
        self._add_button.setToolTip("Add a class")
        self._add_button.clicked.connect(lambda: self.add("").setFocus())
        for name in names:
            self.add(name)

    def add(self, name: str) -> NameField:
        """Add a row."""
        class_id = len(self.names)
        colour = QColor(*voc_colour(class_id))
        field = NameField(name)
        field.setPlaceholderText("name")
        field.entered.connect(lambda: self.begin(class_id + 1))
        is_grey = class_id == BACKGROUND
        choose = QToolButton()
        choose.setIcon(swatch(colour, is_background=is_grey))
        choose.setToolTip("Clicks on the background are grey" if is_grey else "Choose a colour")
        choose.setEnabled(not is_grey)
        choose.clicked.connect(lambda: self._ask_colour(class_id, choose))
        self.names.append(field)
        self._colours.append(colour)
        self._grid.addWidget(QLabel(str(class_id)), class_id, 0)
        self._grid.addWidget(choose, class_id, 1)
        self._grid.addWidget(field, class_id, 2)
        self._grid.addWidget(self._add_button, class_id + 1, 1)
        return field

    def begin(self, class_id: int) -> None:
        """Have the name of this class typed over; after the last one, leave."""
        if class_id < len(self.names):
            self.names[class_id].setFocus()
            self.names[class_id].selectAll()
        else:
            self.left.emit()

    def values(self) -> tuple[list[str], list[str]]:
        """Names and colours "#rrggbb" of all rows."""
        return [field.text() for field in self.names], [colour.name() for colour in self._colours]

    def _ask_colour(self, class_id: int, shown: QToolButton) -> None:
        dialog = QColorDialog(self._colours[class_id], self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(lambda colour: self.set_colour(class_id, shown, colour))
        dialog.open()

    def set_colour(self, class_id: int, shown: QToolButton, colour: QColor) -> None:
        """Give a class a colour."""
        self._colours[class_id] = colour
        shown.setIcon(swatch(colour))
