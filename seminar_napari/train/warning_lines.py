"""The warnings above the button *Train*."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session

SHOWN = 4
SOON_MILLISECONDS = 300


class WarningLines(QLabel):
    """What a person should know before training, kept up to date while it is seen; hidden where
    all is well.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._wanted = True
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.hide()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON_MILLISECONDS)
        self._soon.timeout.connect(self.draw)
        cleanup = Cleanup()
        for signal in (
            session.project_changed,
            session.classes_changed,
            session.image_states.changed,
        ):
            cleanup.connect(signal, self.draw_soon)
        self.destroyed.connect(cleanup)

    def set_wanted(self, wanted: bool) -> None:
        """Whether warnings are of use now: a run that goes on is past them."""
        if wanted != self._wanted:
            self._wanted = wanted
            self.draw_soon()

    def draw_soon(self, _changed: Any = None) -> None:
        """Draw once for many changes; not at all while the tab is not seen."""
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
        self.setText(
            "\n".join(
                [*(f"⚠ {line}" for line in lines[:SHOWN]), *([f"… and {more} more"] * (more > 0))]
            )
        )
        self.setToolTip("\n".join(lines) if more > 0 else "")
        self.setVisible(bool(lines))
