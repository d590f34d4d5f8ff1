"""npe2 sample: a project of our own, copied to where the user can click on in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs
from qtpy.QtCore import QTimer

from seminar.project.project import Project
from seminar.project.sample.create import create_sample_project
from seminar_napari.contributions.open_dock import is_project, open_dock
from seminar_napari.layers.image import offer_layer_data
from seminar_napari.layers.image_cache import picture


def sample_folder() -> Path:
    """Where the user's copy of the sample project lies."""
    return platformdirs.user_data_path("seminar-napari", appauthor=False) / "sample"


def sample_project() -> Path:
    """The user's copy of the sample project, made on first use; clicks that were added stay."""
    folder = sample_folder()
    if not is_project(folder):
        create_sample_project(folder)
    return folder


def first_with_clicks(project: Project | None) -> str:
    """The first image that has clicks, so that there is something to see; else the first one."""
    if project is None:
        return ""
    ids, clicked = project.image_ids(), project.clicks_stamps()
    return next((image_id for image_id in ids if image_id in clicked), next(iter(ids), ""))


def open_sample() -> list[tuple[Any, dict[str, Any], str]]:
    """Open the sample project in the dock; napari adds the first image, which the dock then
    takes over.
    """
    project = Project.open(sample_project())
    dock = open_dock()
    dock.open_project(project.path, show=False)
    image_id = first_with_clicks(project)
    QTimer.singleShot(0, lambda: dock.session.show_image(image_id))  # once napari has added it
    return [offer_layer_data(picture(project.read_image(image_id)), project, image_id)]
