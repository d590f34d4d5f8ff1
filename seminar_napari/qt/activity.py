"""A run, or an export, in napari's activity dock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from napari.utils.progress import cancelable_progress
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication, QLabel, QMainWindow

from seminar_napari.qt.builders import timer

MILLISECONDS = 1000

SPINNER_SPEED = 4
"""Percent. At napari's 30 pictures a second, Qt composes the whole window again for each: half a
core where the processor draws OpenGL.
"""


class Activity(QObject):
    """One progress bar in the activity dock, updated once a second.

    napari runs pending events whenever it moves a bar: it is moved by a timer, never in a signal.

    Parameters
    ----------
    on_cancel : callable
        Called once when *Cancel* is pressed.
    """

    def __init__(self, on_cancel: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._on_cancel = on_cancel
        self._bar: cancelable_progress | None = None
        self._wanted: tuple[str, int, int] | None = None
        self._busy = False
        self._cancelled = False
        self._timer = timer(self, MILLISECONDS, self._turn)

    def show(self, text: str, done: int = 0, total: int = 0) -> None:
        """Show this soon; a total of 0 is a bar without an end."""
        if self._wanted is None:
            self._cancelled = False
        self._wanted = (text, done, total)
        if not self._timer.isActive():
            self._timer.start()

    def end(self) -> None:
        """Remove the bar."""
        self._wanted = None
        if self._bar is not None:
            bar, self._bar = self._bar, None
            bar.close()
            _turn_spinner(100)
        with suppress(RuntimeError):  # napari ran events: Qt may have deleted the timer
            self._timer.stop()

    @property
    def bar(self) -> cancelable_progress | None:
        """napari's progress object while it is shown."""
        return self._bar

    def _turn(self) -> None:
        if self._busy or self._wanted is None:
            return
        self._busy = True
        try:
            text, done, total = self._wanted
            if self._bar is None:
                self._bar = cancelable_progress(total=total, desc=text, file=_Nowhere())
                _turn_spinner(SPINNER_SPEED)
            bar = self._bar
            if bar.total != total:
                bar.total = total
            if bar.desc.removesuffix(": ") != text:
                bar.set_description(text)
            if done != bar.n:
                bar.update(done - bar.n)
            if bar.is_canceled and not self._cancelled:
                self._cancelled = True
                self._on_cancel()
        finally:
            self._busy = False
            if self._wanted is None:  # ended while napari ran events
                self.end()


def _turn_spinner(speed: int) -> None:
    """Set the speed of napari's spinner next to the activity button, in percent."""
    for window in QApplication.topLevelWidgets():
        if isinstance(window, QMainWindow):
            for label in window.findChildren(QLabel):
                if (movie := label.movie()) is not None:
                    movie.setSpeed(speed)


class _Nowhere:
    """Drops tqdm's output; programs without a terminal have no stderr."""

    def write(self, text: str) -> None:
        pass

    def flush(self) -> None:
        pass
