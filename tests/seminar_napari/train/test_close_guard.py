"""Closing a window with a run going; napari's part is played by a plain main window, as its own
is used in tests/e2e.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget

from seminar_napari.train.close_guard import CloseGuard


class Window(QMainWindow):
    """As napari's: `close` takes `quit_app`, the viewer is a widget within."""

    def __init__(self) -> None:
        super().__init__()
        self._quit_app = False
        self._qt_viewer = QWidget()
        self.setCentralWidget(self._qt_viewer)

    def close(self, quit_app: bool = False) -> bool:
        self._quit_app = quit_app
        return super().close()


class Control:
    """Notes what the guard wants."""

    def __init__(self) -> None:
        self.is_going = True
        self.calls: list[str] = []

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[Window]:
    made = Window()
    qtbot.addWidget(made)
    made.show()
    yield made
    made.hide()


def guard(
    window: Window, control: Control, answer: str, asked: list[str] | None = None
) -> CloseGuard:
    session: Any = SimpleNamespace(run=SimpleNamespace(path=SimpleNamespace(name="run-3")))

    def ask(parent: QWidget, run: str) -> Any:
        if asked is not None:
            asked.append(run)
        return answer

    return CloseGuard(window, session, control, ask)  # type: ignore[arg-type]


def test_without_a_run_nobody_is_asked(window: Window) -> None:
    control, asked = Control(), list[str]()
    control.is_going = False
    guard(window, control, "cancel", asked)
    window.close()
    assert not window.isVisible() and not asked and not control.calls


def test_cancel_keeps_window_and_run(window: Window, qtbot: QtBot) -> None:
    control, asked = Control(), list[str]()
    guard(window, control, "cancel", asked)
    window.close()
    qtbot.wait(150)
    assert window.isVisible() and asked == ["run-3"] and not control.calls


def test_go_on_closes_the_window_and_leaves_the_run(window: Window, qtbot: QtBot) -> None:
    control = Control()
    guard(window, control, "go on")
    window.close(quit_app=True)
    qtbot.waitUntil(lambda: not window.isVisible())
    assert control.calls == ["close"]
    assert window._quit_app, "quitting the program is still what was asked for"


class HoldsBack(QObject):
    """A part of the window that has a reason of its own to keep it open; it is asked first."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.reason = "clicks that are not on disk"
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or event.type() != QEvent.Type.Close or not self.reason:
            return False
        event.ignore()
        return True


def test_a_window_that_stays_for_another_reason_keeps_its_run(window: Window, qtbot: QtBot) -> None:
    control, asked = Control(), list[str]()
    guard(window, control, "go on", asked)
    other = HoldsBack(window)
    other.reason = ""
    window.close()  # asked, and answered
    other.reason = "clicks that are not on disk"
    qtbot.wait(150)
    assert window.isVisible() and asked == ["run-3"] and not control.calls
    other.reason = ""
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert asked == ["run-3"] * 2 and control.calls == ["close"]


def test_stop_waits_until_all_is_saved(window: Window, qtbot: QtBot) -> None:
    control, asked = Control(), list[str]()
    guard(window, control, "stop", asked)
    window.close()
    qtbot.wait(200)
    assert window.isVisible() and control.calls == ["stop"]
    control.is_going = False
    qtbot.waitUntil(lambda: not window.isVisible())
    assert control.calls == ["stop", "close"] and len(asked) == 1


def test_closing_again_while_saving_does_not_wait(window: Window, qtbot: QtBot) -> None:
    control, asked = Control(), list[str]()
    guard(window, control, "stop", asked)
    window.close()
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert control.calls == ["stop", "close"] and len(asked) == 1


def test_a_script_that_closes_the_viewer_is_not_asked(window: Window) -> None:
    control, asked = Control(), list[str]()
    guard(window, control, "cancel", asked)
    window._qt_viewer.close()
    window.close()
    assert not window.isVisible() and not asked and control.calls == ["stop", "close"]


def test_the_question_has_three_answers(
    window: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtpy.QtWidgets import QMessageBox

    from seminar_napari.train import close_guard

    texts: list[str] = []

    def choose(text: str) -> Callable[[QMessageBox], int]:
        def run(box: QMessageBox) -> int:
            texts[:] = [button.text().replace("&", "") for button in box.buttons()]
            next(
                button for button in box.buttons() if button.text().replace("&", "") == text
            ).click()
            return 0

        return run

    for text, answer in (
        ("Stop and save", "stop"),
        ("Go on without the window", "go on"),
        ("Cancel", "cancel"),
    ):
        monkeypatch.setattr(QMessageBox, "exec", choose(text))
        assert close_guard.ask(window, "run-3") == answer
    assert sorted(texts) == ["Cancel", "Go on without the window", "Stop and save"]
