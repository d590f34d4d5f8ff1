"""npe2 sample: a project in a folder of the user's, who can go on clicking in it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer

from seminar.project.project import Project
from seminar_napari.contributions.open_dock import open_dock
from seminar_napari.dock.sample import first_with_clicks, sample_project
from seminar_napari.layers.image import offer_layer_data
from seminar_napari.layers.picture import picture


def open_sample() -> list[tuple[Any, dict[str, Any], str]]:
    """Open the sample project in the dock, which then uses the image layer that napari adds."""
    project = Project.open(sample_project())
    dock = open_dock()
    dock.open_project(project.path, show=False)
    image_id = first_with_clicks(project)
    QTimer.singleShot(0, lambda: dock.session.show_image(image_id))  # once napari has added it
    return [offer_layer_data(picture(project.read_image(image_id)), project, image_id)]
