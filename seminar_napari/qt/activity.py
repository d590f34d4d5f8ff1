"""A run, or an export, in napari's activity dock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from napari.utils.progress import cancelable_progress
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QApplication, QLabel, QMainWindow

MILLISECONDS = 1000

SPINNER_SPEED = 4
"""Per cent. napari's spinner turns at 30 pictures a second, and Qt composes the whole window
anew for each: half a core where OpenGL is drawn by the processor.
"""


class Activity(QObject):
    """One progress bar in the activity dock, brought up to date once a second.

    napari lets pending events run whenever it moves a bar; so this happens in a turn of its own,
    never inside somebody's signal.

    Parameters
    ----------
    on_cancel : callable
        Called once when the person presses the bar's *Cancel*.
    """

    def __init__(self, on_cancel: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._on_cancel = on_cancel
        self._bar: cancelable_progress | None = None
        self._wanted: tuple[str, int, int] | None = None
        self._busy = False
        self._cancelled = False
        self._timer = QTimer(self)
        self._timer.setInterval(MILLISECONDS)
        self._timer.timeout.connect(self._turn)

    def show(self, text: str, done: int = 0, total: int = 0) -> None:
        """Show this soon; a total of 0 is a bar that only moves."""
        if self._wanted is None:
            self._cancelled = False
        self._wanted = (text, done, total)
        if not self._timer.isActive():
            self._timer.start()

    def end(self) -> None:
        """Take the bar away."""
        self._wanted = None
        if self._bar is not None:
            bar, self._bar = self._bar, None
            bar.close()
            _turn_spinner(100)
        with suppress(
            RuntimeError
        ):  # while napari let events run, the window may have closed and Qt deleted the timer
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
            if self._wanted is None:  # ended while napari let events run
                self.end()


def _turn_spinner(speed: int) -> None:
    """Let napari's spinner beside the activity button turn at this speed, in per cent."""
    for window in QApplication.topLevelWidgets():
        if isinstance(window, QMainWindow):
            for label in window.findChildren(QLabel):
                if (movie := label.movie()) is not None:
                    movie.setSpeed(speed)


class _Nowhere:
    """tqdm's output beside the dock; programs without a terminal have no stderr."""

    def write(self, text: str) -> None:
        """Drop it."""

    def flush(self) -> None:
        """Nothing to do."""
