"""Every way into the dock, as a person takes it: menus, a dropped folder, the command
`seminar-napari`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from napari._qt.dialogs.qt_reader_dialog import QtReaderDialog
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QAction
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMenu
from window_hands import Hands, drop, make_project, settle, wait_until

from seminar.project.project import Project
from seminar_napari.dock.new_project.dialog import NewProjectDialog
from seminar_napari.dock.widget import SeminarDock


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


@pytest.fixture
def plain_window(make_napari_viewer: Callable[..., Any]) -> Callable[[], Any]:
    """A napari window without the dock."""

    def open_() -> Any:
        viewer = make_napari_viewer(show=True, strict_qt="raise")
        viewer.window.resize(1100, 750)
        settle(0.3)
        return viewer

    return open_


def dock_of(viewer: Any) -> SeminarDock | None:
    """The Seminar dock of a window, if it is open."""
    docks: list[SeminarDock] = viewer.window._qt_window.findChildren(SeminarDock)
    return docks[0] if docks else None


def click_entry(menu: QMenu, *titles: str) -> None:
    """Open a menu and click through it to the entry whose title begins so."""
    for depth, title in enumerate(titles):
        menu.aboutToShow.emit()
        entries = [action for action in menu.actions() if _title(action).startswith(title)]
        assert entries, f"{title}: not in {[_title(action) for action in menu.actions()]}"
        if depth < len(titles) - 1:
            below = entries[0].menu()
            assert isinstance(below, QMenu)
            menu = below
    menu.popup(QPoint(40, 40))
    settle(0.3)
    QTest.mouseClick(
        menu,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        menu.actionGeometry(entries[0]).center(),
    )
    settle(0.3)


def _title(action: QAction) -> str:
    return action.text().replace("&", "")


def test_the_plugins_menu_opens_the_dock_and_a_click_works(
    plain_window: Callable[[], Any], project: Project
) -> None:
    viewer = plain_window()
    click_entry(viewer.window.plugins_menu, "Seminar")
    wait_until(lambda: dock_of(viewer) is not None, 20, "the dock")
    dock = dock_of(viewer)
    assert dock is not None and dock.isVisible() and dock.pages.currentWidget() is dock.empty
    dock.open_project(project.path)
    settle(0.5)
    Hands(viewer).click(30, 40)
    wait_until(lambda: project.clicks_path("image_1").exists(), 20, "the click on disk")


def test_the_sample_in_the_file_menu_opens_the_dock_too(plain_window: Callable[[], Any]) -> None:
    viewer = plain_window()
    click_entry(viewer.window.file_menu, "Open Sample", "Seminar")
    wait_until(
        lambda: (dock := dock_of(viewer)) is not None and bool(dock.session.image_id),
        30,
        "the sample",
    )
    dock = dock_of(viewer)
    assert dock is not None
    wait_until(
        lambda: "truth" in viewer.layers, 20, "the sample's truth, which is read in the background"
    )
    assert [layer.name for layer in viewer.layers if layer.visible] == [
        dock.session.image_id,
        "Clicks",
    ]
    assert len(viewer.layers["Clicks"].data) > 0


def test_a_project_folder_dropped_on_canvas_or_dock_opens(
    open_window: Callable[[], Any], project: Project, tmp_path: Path
) -> None:
    dock = open_window()
    settle(0.3)
    drop(dock.viewer.window._qt_viewer, project.path)
    assert dock.session.project.path == project.path
    assert [layer.name for layer in dock.viewer.layers] == ["image_1", "Clicks"]
    other = make_project(tmp_path / "other")
    drop(dock, other.path)
    assert dock.session.project.path == other.path


def test_a_folder_of_images_is_asked_about_and_what_is_dropped_later_can_be_added(
    open_window: Callable[[], Any], project: Project, tmp_path: Path
) -> None:
    dock = open_window()
    settle(0.3)
    said: list[str] = []
    dock.session.notice.connect(said.append)
    sources = tmp_path / "sources"
    drop(dock, sources)
    (form,) = dock.findChildren(NewProjectDialog)
    wait_until(form.create_button.isEnabled, 20, "the images")
    assert form.windowTitle() == "3 images found: make a project?"
    assert form.folder.text() == str(tmp_path / "sources-seminar")
    focused = QApplication.focusWidget()
    assert focused is form.classes.names[1]
    QTest.keyClicks(focused, "nucleus")
    QTest.keyClick(focused, Qt.Key.Key_Return)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    wait_until(lambda: dock.session.image_id == "image_1", 20, "the project")
    assert dock.session.project.classes.names == ("background", "nucleus")

    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(sources / "image_1.png", more / "image_4.png")
    drop(dock, more / "image_4.png")
    wait_until(lambda: len(dock.findChildren(NewProjectDialog)) == 1, 5, "the question")
    (form,) = dock.findChildren(NewProjectDialog)
    assert form.other.text() == "Add to sources-seminar"
    form.other.click()
    wait_until(lambda: len(dock.session.image_ids) == 4, 20, "the image")
    assert said == ["Added image_4."] and dock.session.image_id == "image_1"
    dock.open_path(tmp_path)
    assert "there are some in" in dock.status.text()


def test_without_the_dock_a_dropped_project_opens_it(
    plain_window: Callable[[], Any], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = plain_window()
    monkeypatch.setattr(
        QtReaderDialog, "get_user_choices", lambda dialog: ("Seminar", False)
    )  # napari reads folders, too
    drop(viewer.window._qt_viewer, project.path)
    wait_until(lambda: dock_of(viewer) is not None, 20, "the dock")
    dock = dock_of(viewer)
    assert (
        dock is not None
        and dock.session.project is not None
        and dock.session.project.path == project.path
    )


LOOK = """
import json, sys
import napari
from qtpy.QtCore import QTimer
from seminar_napari.dock import reader_rules, recent, sample
from pathlib import Path

user = Path(sys.argv[2])
sample.sample_folder = lambda: user / "sample"
recent._file = lambda: user / "recent.txt"
reader_rules._written = lambda: user / "reader_rules_written"
run = napari.run

def look():
    from seminar_napari.dock.widget import SeminarDock
    window = napari.current_viewer().window._qt_window
    (dock,) = window.findChildren(SeminarDock)
    if not dock.session.image_id:
        QTimer.singleShot(200, look)
        return
    print(json.dumps({
        "visible": window.isVisible() and dock.isVisible(),
        "project": str(dock.session.project.path),
        "layers": [layer.name for layer in dock.viewer.layers], "torch": "torch" in sys.modules,
    }), flush=True)
    window.close()

def run_and_look():
    QTimer.singleShot(500, look)
    run()

napari.run = run_and_look
from seminar_napari.__main__ import main
main([sys.argv[1]])
"""


@pytest.mark.slow
def test_the_command_opens_napari_with_dock_and_project_and_ends_with_the_window(
    project: Project, tmp_path: Path
) -> None:
    environment = os.environ | {"NAPARI_CONFIG": str(tmp_path / "settings.yaml")}
    command = [sys.executable, "-c", LOOK, str(project.path), str(tmp_path / "user")]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen == {
        "visible": True,
        "project": str(project.path),
        "layers": ["image_1", "Clicks"],
        "torch": False,
    }
