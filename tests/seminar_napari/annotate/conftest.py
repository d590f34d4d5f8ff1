"""The Annotate tab, and the annotation alone, with a project of three images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from napari.components import ViewerModel

from seminar.project.project import Project
from seminar_napari.annotate.annotation import Annotation
from seminar_napari.annotate.tab import AnnotateTab
from seminar_napari.inspect.keys import LEGEND as INSPECT_LEGEND
from seminar_napari.session.session import Session


@pytest.fixture
def tab(qtbot: Any, three_fields: Project) -> Iterator[AnnotateTab]:
    session = Session()
    tab = AnnotateTab(session, ViewerModel(), more_keys=INSPECT_LEGEND)
    qtbot.addWidget(tab)
    session.open_project(three_fields.path)
    session.image_states.wait(5)
    tab.resize(360, 640)
    tab.show()
    yield tab
    assert session.flush()


@pytest.fixture
def session(three_fields: Project) -> Iterator[Session]:
    session = Session()
    yield session
    assert session.flush()


@pytest.fixture
def annotation(session: Session, three_fields: Project) -> Annotation:
    annotation = Annotation(session, ViewerModel())
    session.open_project(three_fields.path)
    return annotation
