"""The row of classes: key, colour and name, with a frame around the current one."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import QPoint, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent
from qtpy.QtWidgets import QColorDialog, QLineEdit, QMenu, QToolButton, QWidget
from superqt import QFlowLayout

from seminar.errors import DatasetError
from seminar.labels import BACKGROUND, ClassNames
from seminar_napari.layers.colours import screen_palette
from seminar_napari.qt.builders import column, scrolled
from seminar_napari.qt.swatch import swatch
from seminar_napari.session.session import Session

ROWS_SHOWN = 4
_FRAME = """
QToolButton {
    border: 2px solid transparent; border-radius: 4px; padding: 1px 4px; background: transparent;
}
QToolButton:hover { background: rgba(128, 128, 128, 60); }
QToolButton:checked { border-color: #5b7fe5; background: rgba(91, 127, 229, 70); }
"""


class ClassButton(QToolButton):
    """One class."""

    double_clicked = Signal()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Rename the class."""
        self.double_clicked.emit()


class ClassBar(QWidget):
    """Choose, rename, recolour and add classes. Writes classes.txt through the session."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._buttons: list[ClassButton] = []
        self._inside = QWidget()
        self._inside.setStyleSheet(_FRAME)
        self._flow = QFlowLayout(self._inside)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._flow.setHorizontalSpacing(4)
        self._flow.setVerticalSpacing(4)
        self._scroll = scrolled(self._inside)
        self._editor = QLineEdit(self)
        self._editor.setPlaceholderText("name, then Enter")
        self._editor.hide()
        self._editor.returnPressed.connect(self._rename)
        self._editor.editingFinished.connect(self._editor.hide)
        self._edited = ""  # the class that is renamed; none for a new one
        self.setLayout(column(self._scroll, self._editor, spacing=4))
        session.project_changed.connect(self._refill)
        session.classes_changed.connect(self._refill)
        session.class_changed.connect(self._frame_current)
        self._refill()

    def buttons(self) -> tuple[ClassButton, ...]:
        """The buttons of the classes, in the order of their ids."""
        return tuple(self._buttons)

    def resizeEvent(self, event: object) -> None:
        """Show all rows, up to `ROWS_SHOWN`."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._fit_height()

    def _fit_height(self) -> None:
        row = self._buttons[0].sizeHint().height() + 4 if self._buttons else 24
        viewport: Any = self._scroll.viewport()  # a scroll area has one
        width = viewport.width()
        needed = self._flow.heightForWidth(max(width, 100)) if self._flow.count() else row
        self._scroll.setFixedHeight(min(needed + 2, row * ROWS_SHOWN))

    def _refill(self, _changed: object = None) -> None:
        while (item := self._flow.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._buttons = []
        if self._session.project is None:
            return
        classes = self._session.project.classes
        palette = screen_palette(classes).tolist()
        for class_id, name in enumerate(classes.names):
            button = self._make_button(class_id, name, QColor(*palette[class_id]))
            self._buttons.append(button)
            self._flow.addWidget(button)
        add = QToolButton()
        add.setText("+")
        add.setToolTip("Add a class")
        add.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        add.clicked.connect(self._add)
        self._flow.addWidget(add)
        self._frame_current()
        self._fit_height()

    def _make_button(self, class_id: int, name: str, colour: QColor) -> ClassButton:
        button = ClassButton()
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        key = f"{class_id} " if class_id < 10 else ""
        button.setText(f"{key}{name if len(name) <= 24 else name[:23] + '…'}")
        button.setIcon(swatch(colour, is_background=class_id == BACKGROUND))
        button.setIconSize(QSize(14, 14))
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        hint = f"key {class_id}" if class_id < 10 else "keys [ and ]"
        button.setToolTip(f"{name}: {hint}; double-click renames, right-click for more")
        button.clicked.connect(partial(self._choose, class_id))
        button.double_clicked.connect(partial(self._edit, name))
        button.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        button.customContextMenuRequested.connect(partial(self._show_menu, class_id))
        return button

    def _choose(self, class_id: int, _checked: bool = False) -> None:
        self._session.set_class(class_id)
        self._frame_current()

    def _frame_current(self, _class_id: int = 0) -> None:
        for class_id, button in enumerate(self._buttons):
            button.setChecked(class_id == self._session.current_class)
            if button.isChecked():
                self._scroll.ensureWidgetVisible(button, 0, 2)

    def _show_menu(self, class_id: int, where: QPoint) -> None:
        menu: Any = QMenu(self)  # its actions are there, whatever the stubs of Qt say
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        assert self._session.project is not None
        name = self._session.project.classes.names[class_id]
        menu.addAction("Rename").triggered.connect(partial(self._edit, name))
        if class_id != BACKGROUND:
            menu.addAction("Colour…").triggered.connect(partial(self._ask_colour, name))
        menu.popup(self._buttons[class_id].mapToGlobal(where))

    def _edit(self, name: str, _checked: bool = False) -> None:
        """Ask for another name. Names identify classes, as another window may add some."""
        self._edited = name
        self._editor.setText(name)
        self._editor.show()
        self._editor.setFocus()
        self._editor.selectAll()

    def _add(self) -> None:
        if self._session.project is not None:
            self._edit("")

    def _rename(self) -> None:
        if self._session.project is None:
            return
        classes, name = self._session.project.classes, self._editor.text().strip()
        if not name or name == self._edited:
            return
        if self._edited:
            if self._is_there(self._edited):
                class_id = classes.names.index(self._edited)
                self._put_line(class_id, f"{name} #{bytes(classes.colours[class_id]).hex()}")
        elif self._put_line(classes.num_classes, name):
            self._session.set_class(self._session.project.classes.names.index(name))

    def _ask_colour(self, name: str, _checked: bool = False) -> None:
        assert self._session.project is not None
        if not self._is_there(name):
            return
        classes = self._session.project.classes
        shown = screen_palette(classes)[classes.names.index(name)].tolist()
        dialog = QColorDialog(QColor(*shown), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(partial(self._recolour, name))
        dialog.open()

    def _recolour(self, name: str, colour: QColor) -> None:
        assert self._session.project is not None
        if self._is_there(name):
            class_id = self._session.project.classes.names.index(name)
            self._put_line(class_id, f"{name} {colour.name()}")

    def _is_there(self, name: str) -> bool:
        """Whether the class still has this name; if not, a notice says so."""
        project = self._session.project
        if project is not None and name in project.classes.names:
            return True
        self._session.notice.emit(f"Class '{name}' is gone: another program changed classes.txt.")
        return False

    def _put_line(self, class_id: int, line: str) -> bool:
        """Replace or add a line of classes.txt; return whether it is written."""
        assert self._session.project is not None
        lines = self._session.project.classes.format().splitlines()
        lines[class_id : class_id + 1] = [line]
        try:
            self._session.set_classes(ClassNames.parse("\n".join(lines)))
        except DatasetError as error:
            self._session.notice.emit(str(error))
        except OSError as error:
            self._session.notice.emit(
                f"classes.txt is not written: {error.strerror}; make room or give access"
            )
        else:
            return True
        return False
