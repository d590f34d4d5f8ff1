"""The first line of the dock and its menu."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seminar.project.project import Project
from seminar_napari.dock.header import Header
from seminar_napari.dock.recent import remember_project
from seminar_napari.session.session import Session


def test_header(qtbot: Any, three_fields: Project) -> None:
    session, called = Session(), []
    header = Header(session, {"Keys and mouse": lambda: called.append("keys")})
    qtbot.addWidget(header)
    assert header.numbers.text() == ""
    session.open_project(three_fields.path)
    session.image_states.wait(5)
    assert header.name.text() == "three"
    assert header.numbers.text() == "3 images · 1 ready"
    next(action for action in header.menu.actions() if action.text() == "Keys and mouse").trigger()
    assert called == ["keys"]
    remember_project(three_fields.path)
    chosen: list[Path] = []
    header.project_chosen.connect(chosen.append)
    header._fill_recent()
    header._recent.actions()[0].trigger()
    assert chosen == [three_fields.path]
