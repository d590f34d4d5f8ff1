"""The project's image and its clicks in napari: one image layer, one points layer, in step with
the session.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Image, Points

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.labels import ClassNames
from seminar_napari.annotate.keys_and_mouse import (
    REACH_PIXELS,
    bind_image_keys,
    bind_keys,
    bind_mouse,
)
from seminar_napari.annotate.stopwatch import Stopwatch
from seminar_napari.annotate.undo import History
from seminar_napari.layers.clicks import (
    class_ids_of,
    colour_marks,
    make_clicks_layer,
    prepare_next,
    put_clicks,
    remove_left_layers,
    take_clicks,
)
from seminar_napari.layers.image import GEOMETRY, fits, make_image_layer, show_picture, take_over
from seminar_napari.layers.image_cache import ImageCache
from seminar_napari.session.session import Session


class Annotation:
    """Shows the session's image and clicks, and turns keys, mouse and napari's own edits into
    clicks of the session.

    Whatever changes the clicks, it goes through `Session.set_clicks`; the layer is redrawn from
    there, and the change can be undone.

    Attributes
    ----------
    layer : Points or None
        The layer "Clicks".
    stopwatch : Stopwatch
        Counts the time spent on the shown image.
    """

    def __init__(self, session: Session, viewer: ViewerModel) -> None:
        self.session = session
        self.viewer = viewer
        self.layer: Points | None = None
        self.stopwatch = Stopwatch()
        self._image: Image | None = None
        self._cache: ImageCache | None = None
        self._histories: dict[str, History] = {}
        self._known: dict[str, ClickSet] = {}
        self._shown_id = ""
        self._putting = False  # we change the layer ourselves
        self._stepping = False  # undo or redo is at work
        remove_left_layers(viewer.layers)
        session.project_changed.connect(self._on_project)
        session.image_wanted.connect(self._show)
        session.clicks_changed.connect(self._on_clicks)
        session.class_changed.connect(self._prepare)
        session.classes_changed.connect(self._recolour)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.cursor.events.position.connect(self.tick)
        viewer.scene.camera.events.zoom.connect(self.tick)

    def close(self) -> None:
        """Let go of session and viewer; the layers stay as they are."""
        self.keep_seconds()
        self.session.project_changed.disconnect(self._on_project)
        self.session.image_wanted.disconnect(self._show)
        self.session.clicks_changed.disconnect(self._on_clicks)
        self.session.class_changed.disconnect(self._prepare)
        self.session.classes_changed.disconnect(self._recolour)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.viewer.layers.events.inserted.disconnect(self._on_inserted)
        self.viewer.cursor.events.position.disconnect(self.tick)
        self.viewer.scene.camera.events.zoom.disconnect(self.tick)
        if self.layer is not None:
            self.layer.events.data.disconnect(self._on_layer_edited)
            self.layer.events.features.disconnect(self._on_layer_edited)
            self.layer.editable = False  # nobody would write what is clicked from here on
        if self._image is not None:
            for name in GEOMETRY:
                getattr(self._image.events, name).disconnect(self._follow_geometry)
        self.layer, self._image, self._shown_id = (
            None,
            None,
            "",
        )  # the layers' keys find nothing to change

    # session -> layers
    def _on_project(self, project: Any) -> None:
        self._histories.clear()
        self._known.clear()
        self._cache = ImageCache(project) if project is not None else None

    def _show(self, image_id: str) -> None:
        if image_id and image_id == self._shown_id and self._image is not None:
            return  # chosen once more, and nothing is missing
        self.keep_seconds()
        self._shown_id = ""
        project = self.session.project
        if not image_id or project is None or self._cache is None:
            self._remove_layers()
            return
        try:
            shown = self._cache.get(image_id)
        except (SeminarError, OSError) as error:
            self._remove_layers()
            self.session.notice.emit(str(error))
            return
        if self._image is not None and fits(self._image, shown):
            show_picture(self._image, shown, project, image_id)
        else:
            self._remove_image()
            self._image = take_over(
                self.viewer.layers, shown, project, image_id
            ) or make_image_layer(shown, project, image_id, self.session.layer_geometry())
            bind_image_keys(self._image, self)
            for name in GEOMETRY:
                getattr(self._image.events, name).connect(self._follow_geometry)
            if self._image not in self.viewer.layers:
                self.viewer.add_layer(self._image)
            self.viewer.layers.move(self.viewer.layers.index(self._image), 0)
        self.session.image_layer = self._image
        self._show_clicks(image_id)
        self.viewer.reset_view()
        self._cache.read_ahead(
            [
                *islice(self.session.images_from_here(1), 2),
                *islice(self.session.images_from_here(-1), 1),
            ]
        )

    def _show_clicks(self, image_id: str) -> None:
        try:
            clicks = self.session.clicks(image_id)
        except (SeminarError, OSError) as error:
            self._remove_clicks_layer()
            self.session.notice.emit(str(error))
            return
        self._shown_id, self._known[image_id] = image_id, clicks
        self.stopwatch.restart(clicks.seconds)
        if self.layer is None:
            self.layer = make_clicks_layer(clicks, self._classes, self.session.layer_geometry())
            bind_keys(self.layer, self)
            self.layer.events.data.connect(self._on_layer_edited)
            self.layer.events.features.connect(self._on_layer_edited)
            self.viewer.add_layer(self.layer)
            self.layer.mode = "add"
            bind_mouse(self.layer, self)
        self._put(clicks)
        self._prepare()
        self.viewer.layers.selection.active = self.layer

    def _on_clicks(self, image_id: str) -> None:
        clicks = self.session.clicks(image_id)
        before = self._known.get(image_id)
        if before is not None and not self._stepping:
            self._histories.setdefault(image_id, History()).record(before, clicks)
        self._known[image_id] = clicks
        if image_id == self._shown_id:
            self.stopwatch.seconds = max(self.stopwatch.seconds, clicks.seconds)
            self._put(clicks)

    def _put(self, clicks: ClickSet) -> None:
        if self.layer is None:
            return
        shows_it = len(self.layer.data) == len(clicks) and np.array_equal(
            self.layer.data[:, -2:], clicks.points
        )
        if (
            shows_it
            and np.array_equal(class_ids_of(self.layer), clicks.class_ids)
            and "seminar" in self.layer.metadata
        ):
            return
        self._putting = True
        try:
            with self.layer.events.data.blocker(
                self.viewer._on_layers_change
            ):  # marks lie on the image: it decides the extent
                put_clicks(self.layer, clicks, self._classes)
        finally:
            self._putting = False

    def _prepare(self, _class_id: int = 0) -> None:
        if self.layer is not None:
            prepare_next(self.layer, self.session.current_class, self._classes)

    def _recolour(self, classes: ClassNames) -> None:
        if self.layer is not None:
            colour_marks(self.layer, class_ids_of(self.layer), classes)
        self._prepare()

    # layers -> session
    def _on_layer_edited(self) -> None:
        """napari's own tools or a script changed the layer: select mode, paste, `layer.add`, ..."""
        if self._putting or self.layer is None or not self._shown_id:
            return
        before = self.session.clicks(self._shown_id)
        clicks = take_clicks(self.layer, before, self.session.current_class)
        if len(clicks) == len(before) and np.array_equal(clicks.points, before.points):
            if np.array_equal(clicks.class_ids, before.class_ids):
                return
            colour_marks(self.layer, clicks.class_ids, self._classes)
        self._commit(clicks)

    def _commit(self, clicks: ClickSet) -> None:
        self.tick()
        self.session.set_clicks(
            self._shown_id, replace(clicks, seconds=round(self.stopwatch.seconds, 2))
        )

    def _follow_geometry(self) -> None:
        """The image was moved, scaled, ... : clicks, and all layers made later, go with it."""
        if self._image is not None:
            self.session.keep_geometry(self._image)
            if self.layer is not None:
                for name, value in self.session.layer_geometry().items():
                    setattr(self.layer, name, value)

    # what keys and mouse ask for
    def place(self, position: npt.ArrayLike) -> None:
        """Add a click of the current class; outside the image none is added."""
        if self.layer is None or not self._shown_id:
            return
        clicks = self.session.clicks(self._shown_id)
        point = self._in_pixels(position)
        if not ClickSet(clicks.height, clicks.width, point[None], np.array([0])).inside()[0]:
            self.session.notice.emit("That is outside the image: no click added.")
            return
        class_ids = np.append(clicks.class_ids, self.session.current_class)
        self._commit(
            replace(
                clicks, points=np.append(clicks.points, point[None], axis=0), class_ids=class_ids
            )
        )

    def nearest(self, position: npt.ArrayLike, reach: float) -> int | None:
        """Index of the click nearest to a world position, within `reach` world units; None where
        none is.
        """
        if self.layer is None or not len(self.layer.data):
            return None
        rows = self.layer.data[:, -2:]
        here = self._in_pixels(position)
        to_world = self.layer._data_to_world.linear_matrix[-2:, -2:]
        distances = np.linalg.norm((rows - here) @ to_world.T, axis=1)
        index = int(distances.argmin())
        return index if distances[index] <= reach else None

    def give_class(self, index: int) -> None:
        """Give a click the current class."""
        clicks = self.session.clicks(self._shown_id)
        class_ids = clicks.class_ids.copy()
        if class_ids[index] != self.session.current_class:
            class_ids[index] = self.session.current_class
            self._commit(replace(clicks, class_ids=class_ids))

    def drag(self, index: int, position: npt.ArrayLike) -> None:
        """Show a click elsewhere while the button is down."""
        clicks = self.session.clicks(self._shown_id)
        if index < len(clicks):
            self._put(_moved(clicks, index, self._in_pixels(position)))

    def drop(self, index: int, position: npt.ArrayLike) -> None:
        """Move a click; outside the image it goes back."""
        clicks = self.session.clicks(self._shown_id)
        if index >= len(clicks):
            return
        moved = _moved(clicks, index, self._in_pixels(position))
        if moved.inside()[index]:
            self._commit(moved)
        else:
            self._put(clicks)
            self.session.notice.emit("That is outside the image: the click stays where it was.")

    def delete(self, index: int) -> None:
        """Delete a click."""
        clicks = self.session.clicks(self._shown_id)
        kept = np.arange(len(clicks)) != index
        self._commit(replace(clicks, points=clicks.points[kept], class_ids=clicks.class_ids[kept]))

    def delete_nearest(self) -> None:
        """Delete the click nearest to the mouse."""
        index = self.nearest(
            self.viewer.cursor.position, REACH_PIXELS / self.viewer.scene.camera.zoom
        )
        if index is None:
            self.session.notice.emit("No click near the mouse to delete.")
        else:
            self.delete(index)

    def undo(self) -> None:
        """Take back the last change to the clicks of this image."""
        self._step(History.undo, "Nothing to undo on this image.")

    def redo(self) -> None:
        """Make again what was taken back."""
        self._step(History.redo, "Nothing to redo on this image.")

    def _step(self, step: Any, otherwise: str) -> None:
        if self.layer is None or not self._shown_id:
            return
        clicks = step(
            self._histories.setdefault(self._shown_id, History()),
            self.session.clicks(self._shown_id),
        )
        if clicks is None:
            self.session.notice.emit(otherwise)
            return
        self._stepping = True
        try:
            self._commit(clicks)
        finally:
            self._stepping = False

    def choose_class(self, class_id: int) -> None:
        """Make this the class of the next click."""
        if class_id < self._classes.num_classes:
            self.session.set_class(class_id)
        else:
            self.session.notice.emit(
                f"There is no class {class_id}; add one with + in the Annotate tab."
            )

    def step_class(self, step: int) -> None:
        """Choose the next or previous class, round and round."""
        self.session.set_class((self.session.current_class + step) % self._classes.num_classes)

    def next_image(self) -> None:
        self.session.next_image()

    def previous_image(self) -> None:
        self.session.previous_image()

    def tick(self) -> None:
        """Somebody is at work."""
        self.stopwatch.tick()

    # layers that go
    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.layer, self._shown_id = None, ""
            if self.session.image_id:
                self.session.notice.emit(
                    "The layer is gone, the clicks are safe in the project: choose the image again"
                    " to see them."
                )
        elif event.value is self._image:
            self._image, self.session.image_layer = None, None

    def _on_inserted(self, event: Any) -> None:
        """Clicks stay on top."""
        layers = self.viewer.layers
        if self.layer is not None and self.layer in layers and layers[-1] is not self.layer:
            layers.move(layers.index(self.layer), len(layers))

    def _remove_layers(self) -> None:
        self._remove_clicks_layer()
        self._remove_image()

    def _remove_clicks_layer(self) -> None:
        layer, self.layer, self._shown_id = self.layer, None, ""
        if layer is not None:
            with suppress(ValueError):  # gone already
                self.viewer.layers.remove(layer)

    def _remove_image(self) -> None:
        image, self._image = self._image, None
        if image is not None:
            self.session.image_layer = None
            with suppress(ValueError):
                self.viewer.layers.remove(image)

    def keep_seconds(self) -> None:
        """Write the time spent on the image that is left, where it was clicked on."""
        if self._shown_id and self._shown_id in self._known:
            clicks = self.session.clicks(self._shown_id)
            if len(clicks) and self.stopwatch.seconds - clicks.seconds > 0.1:
                self.session.set_clicks(
                    self._shown_id, replace(clicks, seconds=round(self.stopwatch.seconds, 2))
                )

    @property
    def _classes(self) -> ClassNames:
        assert self.session.project is not None
        return self.session.project.classes

    def _in_pixels(self, position: npt.ArrayLike) -> npt.NDArray[np.float64]:
        assert self.layer is not None
        return np.asarray(self.layer.world_to_data(np.asarray(position)), dtype=np.float64)[-2:]


def _moved(clicks: ClickSet, index: int, point: npt.NDArray[np.float64]) -> ClickSet:
    points = clicks.points.copy()
    points[index] = point
    return replace(clicks, points=points)
