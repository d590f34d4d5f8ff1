"""Hands for tests of the window: real Qt mouse and key events on napari's canvas."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from seminar.labels import ClassNames
from seminar.project.project import Project


def make_project(
    folder: Path,
    sizes: Sequence[tuple[int, int]] = ((120, 160),) * 3,
    classes: ClassNames | None = None,
) -> Project:
    """A project of noise images `image_1`, ... of these (height, width)."""
    rng = np.random.default_rng(0)
    sources = folder / "sources"
    sources.mkdir(parents=True)
    files = []
    for number, size in enumerate(sizes, start=1):
        files.append(sources / f"image_{number}.png")
        Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(files[-1])
    return Project.create(
        folder / "project", files, classes or ClassNames.of("background", "nucleus", "fibre")
    )


def wait_until(condition: Callable[[], bool], seconds: float = 5.0, what: str = "") -> None:
    """Handle events until the condition holds; less often where another process is waited for."""
    deadline = time.monotonic() + seconds
    pause = 0.01 if seconds <= 20 else 0.05
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what or condition}"
        QApplication.processEvents()
        time.sleep(pause)


def settle(seconds: float = 0.2) -> None:
    """Handle events for a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        QApplication.processEvents()
        time.sleep(0.005)


def drop(target: Any, path: Path) -> None:
    """Drag a file or folder onto a widget and let go, by Qt's own events."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    where = QPoint(target.width() // 2, target.height() // 2)
    keys, button, copy = (
        Qt.KeyboardModifier.NoModifier,
        Qt.MouseButton.LeftButton,
        Qt.DropAction.CopyAction,
    )
    enter = QDragEnterEvent(where, copy, data, button, keys)
    QApplication.sendEvent(target, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(target, QDropEvent(QPointF(where), copy, data, button, keys))
    settle(0.5)


class Hands:
    """Mouse and keyboard on the canvas of a napari window."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self._canvas = viewer.window._qt_viewer.canvas
        self._native = self._canvas.native

    def where(self, row: float, col: float) -> QPoint:
        """Pixel of the canvas over (row, col) of the Clicks layer."""
        layer = self.viewer.layers["Clicks"]
        node = self._canvas.layer_to_visual[layer].node
        x, y = node.get_transform("visual", "canvas").map([col, row])[:2]
        ratio = self._native.devicePixelRatioF()
        return QPoint(round(x / ratio), round(y / ratio))

    def pixel_of(self, point: QPoint) -> np.ndarray:
        """(row, col) under a pixel of the canvas."""
        layer = self.viewer.layers["Clicks"]
        node = self._canvas.layer_to_visual[layer].node
        x, y = node.get_transform("canvas", "visual").map([point.x(), point.y()])[:2]
        return np.array([y, x])

    def click(self, row: float, col: float, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        """Click with the left button."""
        place = self.where(row, col)
        QTest.mouseMove(self._native, place)
        QTest.mouseClick(self._native, Qt.MouseButton.LeftButton, modifier, place)
        settle(0.05)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press, move in steps, release."""
        first, last = self.where(*start), self.where(*end)
        QTest.mouseMove(self._native, first)
        QTest.mousePress(
            self._native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, first
        )
        for share in (0.25, 0.5, 0.75, 1.0):
            point = QPointF(first) + share * (QPointF(last) - QPointF(first))
            self._move_pressed(point.toPoint())
        QTest.mouseRelease(
            self._native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, last
        )
        settle(0.05)

    def _move_pressed(self, point: QPoint) -> None:
        from qtpy.QtCore import QEvent
        from qtpy.QtGui import QMouseEvent

        event = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(point),
            QPointF(self._native.mapToGlobal(point)),
            Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(self._native, event)
        settle(0.02)

    def hover(self, row: float, col: float) -> None:
        """Move the mouse there."""
        QTest.mouseMove(self._native, self.where(row, col))
        settle(0.05)

    def key(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        """Press and release a key."""
        QTest.keyClick(self._native, key, modifier)
        settle(0.05)
