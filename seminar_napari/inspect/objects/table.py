"""The table of objects: a row each, sorted by any column, with a histogram of the chosen one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHeaderView,
    QLabel,
    QTableView,
    QWidget,
)

from seminar.inference.instances.csv_file import write_table
from seminar_napari.inspect.objects.columns import OBJECT, Measured, shown, title
from seminar_napari.inspect.objects.histogram import Histogram
from seminar_napari.qt.builders import boxed, button, column, row

SORTED_BY = Qt.ItemDataRole.UserRole

_NOWHERE = QModelIndex()


class ObjectsModel(QAbstractTableModel):
    """The measured objects, one a row."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.measured: Measured | None = None
        self._names: tuple[str, ...] = ()

    def show(self, measured: Measured | None) -> None:
        """Show these objects."""
        self.beginResetModel()
        self.measured = measured
        self._names = tuple(measured.columns) if measured is not None else ()
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:
        return 0 if parent.isValid() or self.measured is None else len(self.measured)

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if self.measured is None or role not in (
            Qt.ItemDataRole.DisplayRole,
            SORTED_BY,
            Qt.ItemDataRole.TextAlignmentRole,
        ):
            return None
        value = self.measured.columns[self._names[index.column()]][index.row()].item()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = (
                Qt.AlignmentFlag.AlignLeft
                if isinstance(value, str)
                else Qt.AlignmentFlag.AlignRight
            )
            return side | Qt.AlignmentFlag.AlignVCenter
        return value if role == SORTED_BY else shown(value)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return title(self._names[section])
        return None

    def number(self, row: int) -> int:
        """The object in a row."""
        assert self.measured is not None
        return int(self.measured.columns[OBJECT][row])

    def row_of(self, number: int) -> int | None:
        """The row of an object; None where there is no such object."""
        if self.measured is None:
            return None
        rows = np.flatnonzero(self.measured.columns[OBJECT] == number)
        return int(rows[0]) if len(rows) else None


class ObjectTable(QWidget):
    """Table and histogram, side by side; made for a dock under the canvas."""

    chosen = Signal(int)  # an object, by a click on its row
    seen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = ObjectsModel(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self.model)
        self._sorted.setSortRole(SORTED_BY)
        self.view = QTableView()
        self.view.setModel(self._sorted)
        self.view.setSortingEnabled(True)
        self.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        lines = self.view.verticalHeader()
        assert lines is not None
        lines.hide()
        lines.setDefaultSectionSize(self.view.fontMetrics().lineSpacing() + 6)
        heads = self.view.horizontalHeader()
        assert heads is not None
        heads.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        heads.sectionClicked.connect(self._on_head)
        self.view.clicked.connect(self._on_row)
        self.view.activated.connect(self._on_row)
        self.count = QLabel()
        self.save = button("Save CSV…", "One line an object, as in the table", self._ask_file)
        self.column = QComboBox()
        self.column.setToolTip("The column of the histogram")
        self.column.activated.connect(self._draw_histogram)
        self.histogram = Histogram()
        left = boxed(column(row(self.count, self.save, stretch=0), self.view, stretch=1))
        right = boxed(column(self.column, self.histogram, stretch=1))
        right.setMinimumWidth(180)
        layout = row(left, right, spacing=8)
        layout.setStretch(0, 3)
        layout.setStretch(1, 1)
        layout.setContentsMargins(6, 2, 6, 4)
        self.setLayout(layout)
        self.show_objects(None)

    def sizeHint(self) -> QSize:
        """As flat as a table can be: the picture needs the room."""
        return QSize(700, 190)

    def showEvent(self, event: Any) -> None:
        """Have the objects measured that were counted while nobody looked."""
        super().showEvent(event)
        self.seen.emit()

    def show_objects(self, measured: Measured | None, *, text: str = "") -> None:
        """Show these objects; the chosen row and column stay where they can."""
        number = self.chosen_number
        known = self.model.measured
        self.model.show(measured)
        if measured is not None and (
            known is None or tuple(known.columns) != tuple(measured.columns)
        ):
            self.view.resizeColumnsToContents()
        name = self.column.currentData()
        self.column.clear()
        for each in measured.numeric() if measured is not None else ():
            self.column.addItem(title(each), each)
        self.column.setCurrentIndex(max(0, self.column.findData(name)))
        self.count.setText(text or _counted(measured))
        self.save.setEnabled(measured is not None)
        if number is not None:
            self.choose(number)
        self._draw_histogram()

    @property
    def chosen_number(self) -> int | None:
        """The object of the chosen row."""
        selection = self.view.selectionModel()
        rows = selection.selectedRows() if selection is not None else []
        return self.model.number(self._sorted.mapToSource(rows[0]).row()) if rows else None

    def choose(self, number: int) -> None:
        """Choose the row of this object, and bring it in sight."""
        place = self.model.row_of(number)
        if place is None:
            self.view.clearSelection()
            return
        index = self._sorted.mapFromSource(self.model.index(place, 0))
        self.view.selectRow(index.row())
        self.view.scrollTo(index)

    def write(self, path: Path) -> None:
        """Write the table as CSV, and say so."""
        if self.model.measured is None:
            return
        try:
            write_table(path, {self.model.measured.image_id: self.model.measured.columns})
        except OSError as error:
            self.count.setText(
                f"{path.name} is not written: {error.strerror}; choose another place"
            )
        else:
            self.count.setText(f"Saved as {path}")

    def _ask_file(self) -> None:
        assert self.model.measured is not None
        start = f"{self.model.measured.image_id}.csv"
        name, _ = QFileDialog.getSaveFileName(self, "Save the table", start, "Tables (*.csv)")
        if name:
            self.write(Path(name if name.lower().endswith(".csv") else f"{name}.csv"))

    def _on_row(self, index: QModelIndex) -> None:
        self.chosen.emit(self.model.number(self._sorted.mapToSource(index).row()))

    def _on_head(self, section: int) -> None:
        """A column that is sorted by is also the one that the histogram shows."""
        if self.model.measured is not None:
            place = self.column.findData(tuple(self.model.measured.columns)[section])
            if place >= 0:
                self.column.setCurrentIndex(place)
                self._draw_histogram()

    def _draw_histogram(self, _index: int = 0) -> None:
        name, measured = self.column.currentData(), self.model.measured
        if measured is None or not name:
            self.histogram.clear()
        else:
            self.histogram.show_values(measured.columns[name].astype(np.float64))


def _counted(measured: Measured | None) -> str:
    if measured is None:
        return "Objects are listed here once they are counted (tab Inspect)."
    count = len(measured)
    return f"{measured.image_id}: {count:,} object{'s' * (count != 1)}"
