"""The whole dock in a plain main window, which plays napari's part; the real one is in
tests/e2e.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import psutil
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from seminar.project.project import Project
from seminar.run.events import StageStarted
from seminar.run.folder import RunFolder
from seminar_napari.dock.widget import SeminarDock
from seminar_napari.train.devices import DeviceProbe


class Window(QMainWindow):
    """As napari's: the viewer is a widget within, and the dock another."""

    def __init__(self) -> None:
        super().__init__()
        self._qt_viewer = QWidget()
        self.setCentralWidget(self._qt_viewer)

    def close(self, quit_app: bool = False) -> bool:
        return super().close()


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    made = Window()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def dock(
    window: Window, three_fields: Project, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SeminarDock]:
    monkeypatch.setattr(DeviceProbe, "ask", lambda self: None)

    class Viewer(ViewerModel):
        window: ClassVar[Any] = SimpleNamespace(_qt_window=None, _qt_viewer=None)

    Viewer.window = SimpleNamespace(_qt_window=window, _qt_viewer=window._qt_viewer)
    made: Any = SeminarDock(Viewer())  # type: ignore[arg-type]
    place = QDockWidget()
    place.setWidget(made)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, place)
    window.show()
    made.train.guard.ask = lambda window, run: "cancel"
    made.open_project(three_fields.path)
    yield made
    made.train.shut_down()
    made.export.shut_down()
    made.inspect.shut_down()


def block(project: Project) -> None:
    """No clicks can be written until `free`."""
    (project.path / "Clicks").rename(project.path / "aside")
    (project.path / "Clicks").touch()


def free(project: Project) -> None:
    (project.path / "Clicks").unlink()
    (project.path / "aside").rename(project.path / "Clicks")


def test_clicks_that_cannot_be_written_keep_the_window_open_once_however_it_is_closed(
    dock: SeminarDock, window: Window, three_fields: Project
) -> None:
    block(three_fields)
    dock.annotate.annotation.edits.place((5, 5))
    window.close()  # as the menu and the shortcut do
    assert window.isVisible() and "Clicks of a are not on disk" in dock.status.text()
    free(three_fields)
    assert dock.session.flush()
    block(three_fields)
    dock.annotate.annotation.edits.place((25, 25))
    window.close()
    assert window.isVisible(), "what was warned of is on disk; this is another trouble"
    window.close()
    assert not window.isVisible()
    free(three_fields)
    assert dock.session.flush()


def test_a_script_that_closes_the_viewer_is_not_held_back(
    dock: SeminarDock, window: Window, three_fields: Project
) -> None:
    block(three_fields)
    dock.annotate.annotation.edits.place((5, 5))
    window._qt_viewer.close()
    window.close()
    assert not window.isVisible()
    free(three_fields)
    assert dock.session.flush()


@pytest.fixture
def living_run(three_fields: Project) -> Iterator[RunFolder]:
    """A run of `three_fields` that another process of this machine trains."""
    run = RunFolder.of(three_fields.path, "run-1")
    run.path.mkdir(parents=True)
    run.append_event(StageStarted(stage="ancillary", iteration=0, iterations=100))
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    start = psutil.Process(process.pid).create_time()
    run.process_path.write_text(
        json.dumps({"pid": process.pid, "host": socket.gethostname(), "start": start})
    )
    yield run
    process.kill()
    process.wait()


def test_the_run_that_another_project_lets_go_of_is_told_in_the_new_one(
    dock: SeminarDock, three_fields: Project, living_run: RunFolder, tmp_path: Path, qtbot: QtBot
) -> None:
    other = Path(shutil.copytree(three_fields.path, tmp_path / "other"))
    dock.train.attach_to(living_run.path)
    qtbot.waitUntil(lambda: dock.session.state == "running", timeout=60_000)
    dock.say("of the old project")
    dock.open_project(other)
    assert dock.status.isVisible()
    assert (
        dock.status.text()
        == "run-1 trains on without the window; it is followed again when three is opened."
    )
    dock.open_project(three_fields.path)
    assert dock.session.run == living_run and not dock.status.isVisible()
    qtbot.waitUntil(lambda: dock.session.state == "running", timeout=60_000)
    dock.train.control.detach()


def viewer_listeners(viewer: ViewerModel) -> dict[str, int]:
    """How many listen to each event of the viewer, its layers, its dims, its camera and cursor."""
    groups = {
        "viewer": viewer.events,
        "layers": viewer.layers.events,
        "dims": viewer.dims.events,
        "cursor": viewer.cursor.events,
        "camera": viewer.scene.camera.events,
    }
    return {
        f"{group}.{name}": len(emitter.callbacks)
        for group, events in groups.items()
        for name, emitter in events.emitters.items()
    }


def test_a_dock_that_is_closed_leaves_no_listener_and_no_key_in_the_viewer(
    three_fields: Project, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeviceProbe, "ask", lambda self: None)
    viewer = ViewerModel()
    before, keys = viewer_listeners(viewer), dict(viewer.keymap)
    made: Any = SeminarDock(viewer)  # type: ignore[arg-type]
    session = made.session
    made.open_project(three_fields.path)
    made.annotate.annotation.edits.place((5, 5))
    during = viewer_listeners(viewer)
    changed = {name for name in during if during[name] != before[name]}
    assert (
        changed >= {"layers.removed", "layers.inserted", "viewer.theme"} and viewer.keymap != keys
    )
    with qtbot.waitSignal(made.destroyed):
        made.deleteLater()
    assert viewer_listeners(viewer) == before and viewer.keymap == keys
    saved = three_fields.read_clicks("a")
    assert session.unsaved() == () and saved is not None and len(saved) == 3
    for name in ("run_changed", "event_received", "image_layer_changed", "state_changed"):
        assert len(getattr(session, name)) == 0, name
    assert [layer.name for layer in viewer.layers] == ["a", "Clicks"]
