"""Closing napari while a run goes on: stop and save, leave the run alone, or stay."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QMessageBox, QWidget

from seminar_napari.run.control import RunControl
from seminar_napari.session.session import Session

Answer = Literal["stop", "go on", "cancel"]
PATIENCE_SECONDS = 20.0


def ask(window: QWidget, run: str) -> Answer:
    """Ask the person at the window."""
    box = QMessageBox(window)
    box.setWindowTitle("Close napari?")
    box.setIcon(QMessageBox.Icon.Question)
    box.setText(f"{run} is still training.")
    box.setInformativeText(
        "Stop and save ends the run at this iteration; it can be resumed. Without the window it "
        "trains to its end; you can attach to it later."
    )
    stop = box.addButton("Stop and save", QMessageBox.ButtonRole.AcceptRole)
    go_on = box.addButton("Go on without the window", QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(stop)  # type: ignore[arg-type,unused-ignore]
    box.exec()
    clicked = box.clickedButton()
    box.deleteLater()
    return "stop" if clicked is stop else "go on" if clicked is go_on else "cancel"


class CloseGuard(QObject):
    """Watches napari's main window.

    When a person closes it, it stays open until the question is answered and, after "stop", until
    the trainer has saved. A script's `viewer.close()` asks nothing: the run gets the request to
    stop and save, and nobody waits.

    Parameters
    ----------
    window : QWidget
        napari's main window.
    ask : callable
        Answers for the window and the run's name; another one in tests.
    """

    def __init__(
        self,
        window: Any,
        session: Session,
        control: RunControl,
        ask: Callable[[QWidget, str], Answer] = ask,
    ) -> None:
        super().__init__(window)
        self.ask = ask
        self._window = window
        self._session = session
        self._control = control
        self._deadline: float | None = None
        self._answered = False
        self._timer = QTimer(self)
        self._timer.setInterval(50)
        self._timer.timeout.connect(self._close_when_saved)
        window.installEventFilter(self)

    def release(self) -> None:
        """Stop watching."""
        self._timer.stop()
        self._window.removeEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Keep the window open while a run goes on."""
        if (
            watched is not getattr(self, "_window", None)
            or event is None
            or event.type() != QEvent.Type.Close
        ):
            return False
        if self._answered:  # and no other filter has stopped the event
            self._control.close()
            return False
        if not self._control.is_going:
            return False
        if closes_by_script(self._window):
            self._control.stop()
            self._control.close()
            return False
        event.ignore()
        if self._deadline is not None:  # closed again while saving: do not wait any longer
            self._deadline = 0.0
            return True
        run = self._session.run
        match self.ask(self._window, run.path.name if run is not None else "A run"):
            case "stop":
                self._control.stop()
                self._deadline = time.monotonic() + PATIENCE_SECONDS
                self._timer.start()
            case "go on":
                QTimer.singleShot(0, self._close)
            case "cancel":
                pass
        return True

    def _close_when_saved(self) -> None:
        if self._deadline is not None and (
            not self._control.is_going or time.monotonic() > self._deadline
        ):
            self._timer.stop()
            self._close()

    def _close(self) -> None:
        self._answered, self._deadline = True, None
        self._window.close(quit_app=getattr(self._window, "_quit_app", False))
        self._answered = False  # a window that stays, because of unsaved clicks, asks again


def closes_by_script(window: Any) -> bool:
    """Whether a script closes napari's main window.

    `viewer.close()` hides the viewer's widget first; a person's click, menu or key does not.
    """
    viewer = getattr(window, "_qt_viewer", None)
    return not window.isVisible() or (viewer is not None and viewer.isHidden())
