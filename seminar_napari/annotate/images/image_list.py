"""The list of the project's images: state, name, clicks; fast with ten thousand images."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QSortFilterProxyModel,
    Qt,
)
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QSizePolicy,
    QTreeView,
    QWidget,
)

from seminar_napari.annotate.images.image_changes import ImageChanges
from seminar_napari.annotate.images.image_menu import ImageMenu
from seminar_napari.qt.builders import column, row
from seminar_napari.session.image_states import SYMBOLS, ImageState
from seminar_napari.session.session import Session

ID_ROLE = Qt.ItemDataRole.UserRole
_HELD_OUT = QColor(128, 128, 128)  # readable on both themes


class ImageModel(QAbstractTableModel):
    """Symbol, name and clicks of each image."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._ids: tuple[str, ...] = ()
        self._rows: dict[str, int] = {}

    def reset(self) -> None:
        """Show the images of the session's project."""
        self.beginResetModel()
        self._ids = self._session.image_ids
        self._rows = {image_id: row for row, image_id in enumerate(self._ids)}
        self.endResetModel()

    def update(self, image_ids: tuple[str, ...]) -> None:
        """Draw the changed states of these images."""
        if len(image_ids) > 50:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._ids) - 1, 2))
            return
        for image_id in image_ids:
            if (row := self._rows.get(image_id)) is not None:
                self.dataChanged.emit(self.index(row, 0), self.index(row, 2))

    def row_of(self, image_id: str) -> int | None:
        return self._rows.get(image_id)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._ids)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return 3

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        image_id = self._ids[index.row()]
        if role == ID_ROLE:
            return image_id
        if role == Qt.ItemDataRole.DisplayRole:
            state = self._session.image_states[image_id]
            return (SYMBOLS[state.kind], image_id, _short(state))[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(image_id, self._session.image_states[image_id])
        if role == Qt.ItemDataRole.ForegroundRole and self._session.image_states[image_id].held_out:
            return _HELD_OUT
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == 2:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def _tooltip(self, image_id: str, state: ImageState) -> str:
        if state.fault:
            return state.fault
        names = self._session.project.classes.names if self._session.project is not None else ()
        counted = [
            f"{number} {names[class_id] if class_id < len(names) else f'class {class_id}'}"
            for class_id, number in state.counts
        ]
        kind = {
            "ready": "ready",
            "nothing": "no clicks yet",
            "held out": f"not in {self._session.split}.txt, so it is not trained on",
        }.get(state.kind, "no background yet" if state.objects else "background only")
        return f"{image_id}: {kind}" + (f"\n{', '.join(counted)}" if counted else "")


def _short(state: ImageState) -> str:
    if state.fault:
        return "not readable"
    if state.held_out and not state.counts:
        return "held out"
    return f"{state.objects} obj · {state.background} bg" if state.counts else ""


class _Filter(QSortFilterProxyModel):
    """Shows the images that match; the shown image always stays."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self.only_to_do = False
        self.text = ""

    def filterAcceptsRow(self, source_row: int, source_parent: QModelIndex) -> bool:
        model = self.sourceModel()
        image_id: str = model.data(model.index(source_row, 0), ID_ROLE)  # type: ignore[union-attr]
        if image_id == self._session.image_id:
            return True
        return self.text in image_id.lower() and (
            not self.only_to_do or self._session.image_states[image_id].is_to_do
        )


class ImageList(QWidget):
    """The images with a filter; a click on an image shows it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.model = ImageModel(session, self)
        self._filter = _Filter(session, self)
        self._filter.setSourceModel(self.model)
        self.view = QTreeView()
        self.view.setModel(self._filter)
        self.view.setRootIsDecorated(False)
        self.view.setUniformRowHeights(True)
        self.view.setHeaderHidden(True)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setMinimumHeight(110)
        self.view.setStyleSheet("QTreeView::item { height: 22px; }")
        header = self.view.header()
        assert header is not None
        header.setMinimumSectionSize(10)
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(0, 26)
        header.resizeSection(2, self.view.fontMetrics().horizontalAdvance("999 obj · 999 bg  "))
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find an image")
        self.search.setClearButtonEnabled(True)
        self.search.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.search.textChanged.connect(self._set_text)
        self.search.returnPressed.connect(self.search.clearFocus)
        self.filter = QComboBox()
        self.filter.addItems(["all", "to do"])
        self.filter.setToolTip(
            "to do: images without objects or without background clicks; A and D skip the others"
        )
        self.filter.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.filter.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.filter.currentIndexChanged.connect(self._set_only_to_do)
        self.changes = ImageChanges(session)
        self.menu = ImageMenu(self.changes, session, self.selected)
        top = row(self.search, self.filter, self.menu, stretch=0, spacing=6)
        self.setLayout(column(top, self.view, stretch=1, spacing=4))
        self.view.clicked.connect(self._choose)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._open_menu)
        session.project_changed.connect(self._reset)
        session.image_changed.connect(self._follow)
        session.images_changed.connect(self._reset)
        session.image_states.changed.connect(self.model.update)
        self._reset()

    def selected(self) -> tuple[str, ...]:
        """The images that are selected, in the order of the list."""
        selection = self.view.selectionModel()
        assert selection is not None
        found = {str(index.data(ID_ROLE)) for index in selection.selectedRows()}
        return tuple(image_id for image_id in self._session.image_ids if image_id in found)

    def _open_menu(self, place: QPoint) -> None:
        """The menu under the pointer, for the image there unless it is one of several."""
        index = self.view.indexAt(place)
        if index.isValid() and index.data(ID_ROLE) not in self.selected():
            self._choose(index)
        viewport = self.view.viewport()
        assert viewport is not None
        self.menu.popup(viewport.mapToGlobal(place))

    def _reset(self, _project: object = None) -> None:
        self.model.reset()
        self._follow(self._session.image_id)

    def _follow(self, image_id: str) -> None:
        self._filter.invalidateRowsFilter()
        number = self.model.row_of(image_id)
        if number is None:
            self.view.clearSelection()
            return
        index = self._filter.mapFromSource(self.model.index(number, 0))
        flag = QItemSelectionModel.SelectionFlag
        selection = self.view.selectionModel()
        assert selection is not None
        is_one_of_several = len(selection.selectedRows()) > 1 and selection.isRowSelected(
            index.row()
        )
        how = flag.NoUpdate if is_one_of_several else flag.ClearAndSelect | flag.Rows
        selection.setCurrentIndex(index, how)
        self.view.scrollTo(index)

    def _choose(self, index: QModelIndex) -> None:
        self._session.show_image(index.data(ID_ROLE))

    def _set_only_to_do(self, index: int) -> None:
        self._session.only_to_do = self._filter.only_to_do = bool(index)
        self._filter.invalidateRowsFilter()

    def _set_text(self, text: str) -> None:
        self._filter.text = text.strip().lower()
        self._filter.invalidateRowsFilter()
