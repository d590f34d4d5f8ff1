"""Numbered objects, as a labels layer and as a 16-bit tif in the project."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from napari.layers import Labels
from psygnal import Signal

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.inference.instances.divide import instances_from_clicks, instances_from_shape
from seminar.inference.instances.files import write_instances
from seminar.labels import BACKGROUND, LabelMap
from seminar.project.layout import INSTANCES
from seminar.project.project import Project
from seminar_napari.inspect.overlay_layers import add_layer, push
from seminar_napari.layers.geometry import follow_geometry, set_geometry
from seminar_napari.session.session import Session
from seminar_napari.workers.latest import Latest
from seminar_napari.workers.worker import Fault

NAME = "instances"


@dataclass(frozen=True)
class Instances:
    """Numbered objects of one image.

    Attributes
    ----------
    image_id : str
    labels : ndarray, (H, W) uint16, or None
        None where none were made yet.
    text : str
        The outcome, for people; empty where they were only read.
    """

    image_id: str
    labels: npt.NDArray[np.uint16] | None
    text: str = ""


def instances_path(project: Project, image_id: str) -> Path:
    """Where the instances of an image are kept."""
    return project.path / INSTANCES / f"{image_id}.tif"


def has_object_clicks(clicks: ClickSet) -> bool:
    """Whether objects can be separated by clicks."""
    return bool((clicks.class_ids != BACKGROUND).any())


def make_instances(path: Path, image_id: str, labels: LabelMap, clicks: ClickSet) -> Instances:
    """Divide the mask by the clicks, or without object clicks by shape, and write the tif."""
    by_clicks = has_object_clicks(clicks)
    found = instances_from_clicks(labels, clicks) if by_clicks else instances_from_shape(labels)
    write_instances(path, found)
    count = int(found.max(initial=0))
    how = "from clicks" if by_clicks else "by shape, as there are no object clicks"
    objects = "1 object" if count == 1 else f"{count} objects"
    return Instances(
        image_id, found.astype(np.uint16), f"{objects} {how}; saved as {INSTANCES}/{path.name}"
    )


def read_instances(path: Path, image_id: str) -> Instances:
    """Read the tif of `make_instances`; no labels where it is missing or damaged."""
    try:
        return Instances(image_id, np.asarray(tifffile.imread(path), dtype=np.uint16))
    except (FileNotFoundError, tifffile.TiffFileError):
        return Instances(image_id, None)


class InstancesLayer:
    """One labels layer "instances" that follows the shown image.

    Attributes
    ----------
    layer : Labels or None
        Made with the first instances and then reused.
    """

    said = Signal(str)

    def __init__(self, viewer: Any, session: Session) -> None:
        self.layer: Labels | None = None
        self._viewer = viewer
        self._session = session
        self._worker: Latest[Instances] = Latest("seminar-instances")
        self._image_layer: Any = None
        session.project_changed.connect(self._on_project)
        session.image_changed.connect(self._on_image)
        session.image_layer_changed.connect(self._on_image_layer)
        viewer.layers.events.removed.connect(self._on_removed)
        self._on_image_layer(session.image_layer)

    def close(self) -> None:
        """Disconnect; the layer stays, as its objects are on disk."""
        self._session.project_changed.disconnect(self._on_project)
        self._session.image_changed.disconnect(self._on_image)
        self._session.image_layer_changed.disconnect(self._on_image_layer)
        follow_geometry(self._image_layer, None, self._lie_over_image)
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def make(self, labels: LabelMap | None) -> None:
        """Find the objects in the mask of the shown image in the background, show and save them."""
        project, image_id = self._session.project, self._session.image_id
        if project is None or not image_id or labels is None:
            self.said.emit(
                "No mask of this image yet: train, or predict all images in the tab Export."
            )
            return
        try:
            clicks = self._session.clicks(image_id)
        except (SeminarError, OSError) as error:
            self.said.emit(str(error))
            return
        self.said.emit("Finding objects …")
        self._worker.submit(
            partial(
                make_instances, instances_path(project, image_id), image_id, labels.copy(), clicks
            )
        )

    def poll(self) -> None:
        """Show what was found, in the window's thread."""
        outcome = self._worker.take()
        if isinstance(outcome, Fault):
            self.said.emit(outcome.reason)
        elif outcome is not None and outcome.image_id == self._session.image_id:
            self._show(outcome)

    def _show(self, found: Instances) -> None:
        if found.labels is None:
            return
        if self.layer is None:
            self.layer = Labels(
                found.labels, name=NAME, opacity=0.6, **self._session.layer_geometry()
            )
            add_layer(self._viewer, self.layer)
        else:
            push(self.layer, found.labels)
            if found.text:
                self.layer.visible = True
        self.layer.editable = False
        if found.text:
            self.said.emit(found.text)

    def _on_project(self, _project: object) -> None:
        self._worker = Latest("seminar-instances")  # what the last one was asked for comes too late

    def _on_image(self, image_id: str) -> None:
        self.said.emit("")
        project = self._session.project
        if self.layer is None:
            return
        push(
            self.layer,
            np.zeros(
                self._session.image_size() or self.layer.data.shape, dtype=self.layer.data.dtype
            ),
        )
        if project is not None and image_id:
            self._worker.submit(
                partial(read_instances, instances_path(project, image_id), image_id)
            )

    def _on_image_layer(self, image_layer: Any) -> None:
        follow_geometry(self._image_layer, image_layer, self._lie_over_image)
        self._image_layer = image_layer
        self._lie_over_image()

    def _lie_over_image(self) -> None:
        if self.layer is not None:
            set_geometry(self.layer, self._session.layer_geometry())

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.layer = None
