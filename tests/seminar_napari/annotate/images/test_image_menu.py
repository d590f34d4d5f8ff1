"""The menu of the image list."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.annotate.tab import AnnotateTab


def entries(tab: AnnotateTab) -> list[str]:
    tab.images.menu.entries.aboutToShow.emit()
    return [entry.text() for entry in tab.images.menu.entries.actions() if entry.text()]


def choose(tab: AnnotateTab, beginning: str) -> None:
    tab.images.menu.entries.aboutToShow.emit()
    found = tab.images.menu.entries.actions()
    next(entry for entry in found if entry.text().startswith(beginning)).trigger()


def click(tab: AnnotateTab, image_id: str, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
    view = tab.images.view
    place = view.visualRect(view.model().index(tab._session.image_ids.index(image_id), 1)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, modifier, QPoint(place))


def said(tab: AnnotateTab) -> list[str]:
    notices: list[str] = []
    tab._session.notice.connect(notices.append)
    return notices


def test_images_are_added_held_out_removed_and_put_back(
    tab: AnnotateTab, three_fields: Project, tmp_path: Path, qtbot: Any
) -> None:
    session, notices = tab._session, said(tab)
    for name in ("d.png", "a.png", "e.png"):
        shutil.copy(three_fields.image_path("b"), tmp_path / name)
    (tmp_path / "e.png").write_bytes(b"")
    tab.images.changes.add([tmp_path])
    qtbot.waitUntil(lambda: bool(notices), timeout=20_000)
    assert notices.pop().startswith("Added d. Left out: ") and session.image_ids[-1] == "d"
    assert tab.images.view.model().rowCount() == 4 and tab.place.text() == "a  1/4"
    click(tab, "b")
    click(tab, "d", Qt.KeyboardModifier.ControlModifier)
    assert tab.images.selected() == ("b", "d") and session.image_id == "d"
    assert entries(tab)[2:] == ["Hold out 2 images for scoring", "Remove 2 images from the project"]
    choose(tab, "Hold out")
    assert notices.pop().startswith("b, d held out") and three_fields.split("val") == ("b", "d")
    assert entries(tab)[2] == "Train on 2 images"
    click(tab, "a")
    assert tab.images.selected() == ("a",)
    tab.annotation.clicks.stopwatch.seconds = 9.0
    choose(tab, "Remove a")
    assert session.flush() and three_fields.read_clicks("a").seconds >= 9  # type: ignore[union-attr]
    assert session.image_ids == ("b", "c", "d") and session.image_id == "b"
    assert "a removed; clicks and image are kept" in notices.pop()
    choose(tab, "Put back the removed image")
    session.image_states.wait(5)
    assert notices.pop() == "Put back a." and session.image_states["a"].kind == "ready"
    assert not tab.images.changes.removed()


def test_what_cannot_be_done_is_one_sentence(
    tab: AnnotateTab, three_fields: Project, tmp_path: Path, qtbot: Any
) -> None:
    notices = said(tab)
    for image_id in "abc":
        click(tab, image_id, Qt.KeyboardModifier.ControlModifier)
    tab.images.view.selectAll()
    choose(tab, "Hold out 3")
    assert "no image would be left to train on" in notices.pop()
    choose(tab, "Remove 3")
    assert "a project needs an image" in notices.pop()
    tab._session.set_run(RunFolder.of(three_fields.path, "run-1"))
    tab._session.set_state("running")
    choose(tab, "Remove 3")
    assert "run-1 may be training on a, b, c: stop it first" in notices.pop()
    assert three_fields.image_ids() == ("a", "b", "c")
    (tmp_path / "empty").mkdir()
    tab.images.changes.add([tmp_path / "empty"])
    qtbot.waitUntil(lambda: bool(notices), timeout=20_000)
    assert "no image found there" in notices.pop()
