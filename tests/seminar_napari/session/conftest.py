"""A session with a project of three images."""

from __future__ import annotations

import pytest

from seminar.project.project import Project
from seminar_napari.session.session import Session


@pytest.fixture
def session(three_fields: Project) -> Session:
    session = Session()
    session.open_project(three_fields.path)
    return session
