"""napari's progress bar for a run, and the window that closes under it."""

from __future__ import annotations

import napari
import pytest
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QLabel

from seminar_napari.qt.activity import Activity


class BarOfAClosedWindow:
    """A bar that lets pending events run as napari's does; among them the end of the window that
    shows it.
    """

    def __init__(self, window: QObject, activity: list[Activity]) -> None:
        self.total, self.n, self.desc, self.is_canceled = 0, 0, "", False
        self._window, self._activity = window, activity
        self.closed = False

    def update(self, n: int) -> None:
        self._activity[0].end()
        self._window.deleteLater()
        QApplication.sendPostedEvents(self._window, QEvent.Type.DeferredDelete)

    def set_description(self, text: str) -> None:
        self.desc = text

    def close(self) -> None:
        self.closed = True


def test_the_window_closes_while_the_bar_moves(qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    window = QObject()
    activity = [Activity(lambda: None, window)]
    bar = BarOfAClosedWindow(window, activity)
    monkeypatch.setattr("seminar_napari.qt.activity.cancelable_progress", lambda **_: bar)
    activity[0].show("training", 1, 10)
    with qtbot.captureExceptions() as errors:
        activity[0]._turn()
    assert not errors
    assert bar.closed and activity[0].bar is None


def test_the_bar_is_there_until_the_end(qtbot, make_napari_viewer) -> None:
    viewer: napari.Viewer = make_napari_viewer()
    activity = Activity(lambda: None, viewer.window._qt_window)
    activity.show("training", 3, 10)
    qtbot.waitUntil(lambda: activity.bar is not None, timeout=5000)
    assert activity.bar is not None and activity.bar.n == 3 and activity.bar.total == 10
    activity.end()
    assert activity.bar is None


def test_naparis_spinner_does_not_repaint_the_window_all_the_time(
    qtbot, make_napari_viewer
) -> None:
    viewer: napari.Viewer = make_napari_viewer()
    labels = viewer.window._qt_window.statusBar().findChildren(QLabel)
    (movie,) = [label.movie() for label in labels if label.movie() is not None]
    frames: list[int] = []
    movie.frameChanged.connect(frames.append)
    activity = Activity(lambda: None, viewer.window._qt_window)
    activity.show("training", 3, 10)
    qtbot.waitUntil(lambda: activity.bar is not None, timeout=5000)
    assert movie.state() == movie.MovieState.Running, "or it is not the spinner"
    frames.clear()
    qtbot.wait(1000)
    assert len(frames) <= 3
    activity.end()
    assert movie.speed() == 100
