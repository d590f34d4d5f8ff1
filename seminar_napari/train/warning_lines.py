"""The warnings above the button *Train*."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from seminar_napari.qt.builders import timer
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session

SHOWN = 4
SOON_MILLISECONDS = 300


class WarningLines(QLabel):
    """Warnings before training, up to date while they are seen; hidden where there are none."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._wanted = True
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.hide()
        self._soon = timer(self, SOON_MILLISECONDS, self.draw, once=True)
        cleanup = Cleanup()
        for signal in (
            session.project_changed,
            session.classes_changed,
            session.image_states.changed,
        ):
            cleanup.connect(signal, self.draw_soon)
        self.destroyed.connect(cleanup)

    def set_wanted(self, wanted: bool) -> None:
        """Show the warnings or not: while a run goes on they come too late."""
        if wanted != self._wanted:
            self._wanted = wanted
            self.draw_soon()

    def draw_soon(self, _changed: Any = None) -> None:
        """Draw once for many changes, and only while the tab is seen."""
        parent = self.parentWidget()
        if parent is not None and parent.isVisible():
            self._soon.start()

    def draw(self) -> None:
        """Bring the lines up to date, once all clicks are read."""
        self._session.image_states.poll()
        if self._session.image_states.is_reading:
            self._soon.start()
            return
        lines = self._session.warnings() if self._wanted else ()
        more = len(lines) - SHOWN
        shown = [f"⚠ {line}" for line in lines[:SHOWN]]
        self.setText("\n".join([*shown, f"… and {more} more"] if more > 0 else shown))
        self.setToolTip("\n".join(lines) if more > 0 else "")
        self.setVisible(bool(lines))
