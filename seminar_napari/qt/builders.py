"""The few widgets and layouts of which every tab is built."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

FOLD_MILLISECONDS = 120


def button(
    text: str,
    tip: str = "",
    action: Callable[[], object] | None = None,
    *,
    checkable: bool = False,
    takes_focus: bool = True,
) -> QPushButton:
    """A push button with a tool tip; `takes_focus=False` leaves the keys to the canvas."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setCheckable(checkable)
    if not takes_focus:
        made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    if action is not None:
        made.clicked.connect(lambda: action())
    return made


def wrapped_label(text: str = "", *, selectable: bool = False) -> QLabel:
    """Text that wraps in the width that there is, and never makes the dock wider."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    if selectable:
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def show_progress(bar: QProgressBar, done: int, total: int) -> None:
    """Show how much is done; the bar is empty while the total is not known yet (0).

    It does not run to and fro then, as Qt's bars do: next to an OpenGL canvas Qt composes the whole
    window again for each picture, a processor core where the processor draws OpenGL.
    """
    bar.setRange(0, total or 1)
    bar.setValue(done if total else 0)
    bar.setFormat("%p%" if total else "")


def row(*items: QWidget | QLayout, stretch: int | None = None, spacing: int = 4) -> QHBoxLayout:
    """Items side by side; the one at index `stretch` takes the space that is left."""
    layout = QHBoxLayout()
    _fill(layout, items, stretch, spacing)
    return layout


def column(
    *items: QWidget | QLayout, stretch: int | None = None, spacing: int = 6, margin: int = 0
) -> QVBoxLayout:
    """Items below each other; the one at index `stretch` takes the space that is left."""
    layout = QVBoxLayout()
    _fill(layout, items, stretch, spacing)
    layout.setContentsMargins(margin, margin, margin, margin)
    return layout


def boxed(layout: QLayout) -> QWidget:
    """A widget that holds this layout, to be hidden or disabled as a whole."""
    box = QWidget()
    box.setLayout(layout)
    return box


def scrolled(content: QWidget) -> QScrollArea:
    """A frameless area that scrolls vertically only.

    A label that changes inside it does not make napari lay out its whole window again.
    """
    area = QScrollArea()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def timer(
    parent: QObject, milliseconds: int, action: Callable[[], object], *, once: bool = False
) -> QTimer:
    """A timer, not started yet, that calls `action` repeatedly, or `once` after each start."""
    made = QTimer(parent)
    made.setInterval(milliseconds)
    made.setSingleShot(once)
    made.timeout.connect(action)
    return made


class Fold(QCollapsible):
    """A titled section, folded at first; ▸ and ▾ in the title's own colour show its state."""

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__(title, expandedIcon=QIcon(), collapsedIcon=QIcon())  # theirs are black
        self._title = title
        self.setDuration(FOLD_MILLISECONDS)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.toggleButton().setStyleSheet(
            "QPushButton {text-align: left; border: none; background: transparent; padding: 4px 0}"
        )
        if (inside := self.layout()) is not None:
            inside.setContentsMargins(0, 0, 0, 0)
        self.addWidget(content)
        self.collapse(animate=False)
        self.toggled.connect(lambda _: self.set_title(self._title))
        self.set_title(title)

    def set_title(self, title: str) -> None:
        """Change the title; the arrow stays in front of it."""
        self._title = title
        self.setText(f"{'▾' if self.isExpanded() else '▸'} {title}")


def _fill(
    layout: QBoxLayout, items: tuple[QWidget | QLayout, ...], stretch: int | None, spacing: int
) -> None:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for index, item in enumerate(items):
        share = 1 if index == stretch else 0
        if isinstance(item, QWidget):
            layout.addWidget(item, share)
        else:
            layout.addLayout(item, share)
