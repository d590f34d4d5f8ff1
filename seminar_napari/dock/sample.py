"""The user's copy of the sample project."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from seminar.project.layout import is_project
from seminar.project.project import Project
from seminar.project.sample.create import create_sample_project


def sample_folder() -> Path:
    """The folder of the user's copy of the sample project."""
    return platformdirs.user_data_path("seminar-napari", appauthor=False) / "sample"


def sample_project() -> Path:
    """The user's copy of the sample project, made on first use; it keeps the user's clicks."""
    folder = sample_folder()
    if not is_project(folder):
        create_sample_project(folder)
    return folder


def first_with_clicks(project: Project | None) -> str:
    """The first image with clicks; else the first image."""
    if project is None:
        return ""
    ids, clicked = project.image_ids(), project.clicks_stamps()
    return next((image_id for image_id in ids if image_id in clicked), next(iter(ids), ""))
