"""The first line of the dock: the project, its images, and the menu."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QMenu, QSizePolicy, QToolButton, QWidget
from superqt import QElidingLabel

from seminar_napari.dock.recent import recent_projects
from seminar_napari.qt.builders import row
from seminar_napari.session.session import Session


class Header(QWidget):
    """Shows the name of the project, its number of images and of ready ones, and the menu ☰."""

    project_chosen = Signal(object)

    def __init__(
        self,
        session: Session,
        actions: dict[str, Callable[[], None]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self.name = QElidingLabel()
        self.name.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.name.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        font = self.name.font()
        font.setBold(True)
        self.name.setFont(font)
        self.numbers = QLabel()
        self.menu = QMenu(self)
        for title, action in actions.items():
            entry = self.menu.addAction(title)
            assert entry is not None
            entry.triggered.connect(partial(_call, action))
        self._recent = QMenu("Recent projects", self.menu)
        self._recent.aboutToShow.connect(self._fill_recent)
        before = self.menu.actions()[min(3, len(actions) - 1)]
        self.menu.insertMenu(before, self._recent)
        self.button = QToolButton()
        self.button.setText("☰")
        self.button.setToolTip("Projects, keys, log, help")
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.button.setMenu(self.menu)
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        layout = row(self.name, self.numbers, self.button, stretch=0, spacing=6)
        layout.setContentsMargins(6, 2, 6, 2)
        self.setLayout(layout)
        session.project_changed.connect(self._show)
        session.images_changed.connect(self._show)
        session.image_states.changed.connect(self._show)
        self._show()

    def _show(self, _changed: object = None) -> None:
        project = self._session.project
        self.name.setText(project.path.resolve().name if project is not None else "")
        self.name.setToolTip(str(project.path) if project is not None else "")
        ids = self._session.image_ids
        ready = self._session.image_states.number_ready()
        numbers = f"{len(ids)} image{'s' * (len(ids) != 1)} · {ready} ready"
        self.numbers.setText(numbers if project is not None else "")

    def _fill_recent(self) -> None:
        self._recent.clear()
        for path in recent_projects():
            entry = self._recent.addAction(f"{path.name}   ({path.parent})")
            assert entry is not None
            entry.triggered.connect(partial(self._choose, path))
        if self._recent.isEmpty():
            entry = self._recent.addAction("none yet")
            assert entry is not None
            entry.setEnabled(False)

    def _choose(self, path: Path, _checked: bool = False) -> None:
        self.project_chosen.emit(path)


def _call(action: Callable[[], None], _checked: bool = False) -> None:
    action()
