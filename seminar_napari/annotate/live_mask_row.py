"""The switch of the live mask, and the line that says how much the mask can be trusted."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QWidget
from superqt import QElidingLabel

from seminar_napari.annotate.live_mask import LiveMask
from seminar_napari.qt.builders import column, timer
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session

POLL_MILLISECONDS = 20
LINES = 2


class LiveMaskRow(QWidget):
    """Draws the live mask's state, and polls it while it is at work.

    The line is also where the next click is told, until there is something newer to say.

    Attributes
    ----------
    switch : QCheckBox
    line : QElidingLabel
        Of a fixed height: nothing jumps when it changes. Its tool tip has the whole text.
    """

    def __init__(self, session: Session, live: LiveMask, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._live = session, live
        self._last = ""  # of the live mask
        self.switch = QCheckBox("Live mask")
        self.switch.setChecked(live.is_on)
        self.switch.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        self.switch.toggled.connect(self._on_switch)
        self.line = QElidingLabel()
        self.line.setWordWrap(True)
        self.line.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.line.setFixedHeight(LINES * self.line.fontMetrics().lineSpacing() + 12)
        self.setLayout(column(self.switch, self.line, spacing=2))
        self._timer = timer(self, POLL_MILLISECONDS, live.poll)
        self._cleanup = Cleanup(live.close)
        self._cleanup.connect(live.changed, self._draw)
        self._cleanup.connect(session.next_click_said, self._on_next_click)
        self.destroyed.connect(self._cleanup)
        self._draw()

    def shut_down(self) -> None:
        """End the probe, before the dock goes."""
        self._timer.stop()
        self._cleanup()

    def _on_switch(self, is_on: bool) -> None:
        self._live.is_on = is_on

    def _on_next_click(self, text: str) -> None:
        if self.isVisible():
            self._say(text)
        else:
            self._session.notice.emit(text)

    def _say(self, text: str) -> None:
        self.line.setText(text)
        self.line.setToolTip(text)

    def _draw(self) -> None:
        live = self._live
        if live.is_at_work != self._timer.isActive():
            (self._timer.start if live.is_at_work else self._timer.stop)()
        if live.text != self._last:
            self._last = live.text
            self._say(live.text)
        learnt_from = f", learnt from {live.features}" if live.features else ""
        self.switch.setToolTip(
            f"Answer each click with a mask{learnt_from}. It needs no training; training refines it"
        )
