"""The clicks of the shown image as a napari layer, in step with the session."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.components import ViewerModel
from napari.layers import Points

from seminar.clicks.click_set import ClickSet
from seminar.labels import ClassNames
from seminar_napari.annotate.stopwatch import Stopwatch
from seminar_napari.layers.clicks import (
    class_ids_of,
    colour_marks,
    make_clicks_layer,
    prepare_next,
    put_clicks,
    take_clicks,
)
from seminar_napari.layers.geometry import set_geometry
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session


class ShownClicks:
    """Draws the session's clicks, and turns napari's own edits into clicks of the session.

    Every change goes through `Session.set_clicks`; the layer is redrawn from there.

    Attributes
    ----------
    layer : Points or None
        The layer "Clicks".
    image_id : str
        The image whose clicks are shown; "" for none.
    stopwatch : Stopwatch
        Counts the time spent on the shown image.
    """

    def __init__(self, session: Session, viewer: ViewerModel) -> None:
        self.session = session
        self.viewer = viewer
        self.layer: Points | None = None
        self.image_id = ""
        self.stopwatch = Stopwatch()
        self._is_drawing = False
        self._cleanup = Cleanup(self._leave_layer)
        for signal, slot in (
            (session.clicks_changed, self._on_clicks),
            (session.class_changed, self._prepare),
            (session.classes_changed, self._recolour),
            (viewer.layers.events.removed, self._on_removed),
            (viewer.layers.events.inserted, self._on_inserted),
            (viewer.cursor.events.position, self.tick),
            (viewer.scene.camera.events.zoom, self.tick),
        ):
            self._cleanup.connect(signal, slot)

    def close(self) -> None:
        """Disconnect from session and viewer; the layer stays, and cannot be edited."""
        self.keep_seconds()
        self._cleanup()

    def _leave_layer(self) -> None:
        if self.layer is not None:
            self.layer.events.data.disconnect(self._on_edited)
            self.layer.events.features.disconnect(self._on_edited)
            self.layer.editable = False  # nobody would write the clicks
        self.layer, self.image_id = None, ""  # the layer's keys find nothing to change

    # session -> layer
    def show(self, image_id: str) -> bool:
        """Show the clicks of this image; return whether a new layer was made for them.

        Raises
        ------
        SeminarError, OSError
            The clicks cannot be read.
        """
        clicks = self.session.clicks(image_id)
        self.image_id = image_id
        self.stopwatch.restart(clicks.seconds)
        is_new = self.layer is None
        if self.layer is None:
            self.layer = make_clicks_layer(clicks, self._classes, self.session.layer_geometry())
            self.layer.events.data.connect(self._on_edited)
            self.layer.events.features.connect(self._on_edited)
            self.viewer.add_layer(self.layer)
            self.layer.mode = "add"
        self.draw(clicks)
        self._prepare()
        self.viewer.layers.selection.active = self.layer
        return is_new

    def draw(self, clicks: ClickSet) -> None:
        """Make the layer show these clicks."""
        if self.layer is None or self._shows(clicks):
            return
        self._is_drawing = True
        try:
            # marks lie on the image, which decides the extent
            with self.layer.events.data.blocker(self.viewer._on_layers_change):
                put_clicks(self.layer, clicks, self._classes)
        finally:
            self._is_drawing = False

    def _shows(self, clicks: ClickSet) -> bool:
        layer = self.layer
        return (
            layer is not None
            and len(layer.data) == len(clicks)
            and np.array_equal(layer.data[:, -2:], clicks.points)
            and np.array_equal(class_ids_of(layer), clicks.class_ids)
            and "seminar" in layer.metadata
        )

    def _on_clicks(self, image_id: str) -> None:
        if image_id == self.image_id:
            clicks = self.session.clicks(image_id)
            self.stopwatch.seconds = max(self.stopwatch.seconds, clicks.seconds)
            self.draw(clicks)

    def _prepare(self, _class_id: int = 0) -> None:
        if self.layer is not None:
            prepare_next(self.layer, self.session.current_class, self._classes)

    def _recolour(self, classes: ClassNames) -> None:
        if self.layer is not None:
            colour_marks(self.layer, class_ids_of(self.layer), classes)
        self._prepare()

    def lie_over_image(self) -> None:
        """Move the layer to the place of the image."""
        if self.layer is not None:
            set_geometry(self.layer, self.session.layer_geometry())

    # layer -> session
    def commit(self, clicks: ClickSet) -> None:
        """Make these the clicks of the shown image."""
        self.tick()
        seconds = round(self.stopwatch.seconds, 2)
        self.session.set_clicks(self.image_id, replace(clicks, seconds=seconds))

    def keep_seconds(self) -> None:
        """Write the time spent on the shown image, if it has clicks."""
        if self.image_id:
            clicks = self.session.clicks(self.image_id)
            if len(clicks) and self.stopwatch.seconds - clicks.seconds > 0.1:
                seconds = round(self.stopwatch.seconds, 2)
                self.session.set_clicks(self.image_id, replace(clicks, seconds=seconds))

    def tick(self) -> None:
        """Count the time until now as work."""
        self.stopwatch.tick()

    def in_pixels(self, position: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """(row, col) in the image of a position in the world."""
        assert self.layer is not None
        return np.asarray(self.layer.world_to_data(np.asarray(position)), dtype=np.float64)[-2:]

    def _on_edited(self) -> None:
        """napari's own tools or a script changed the layer: select mode, paste, `layer.add`, ..."""
        if self._is_drawing or self.layer is None or not self.image_id:
            return
        before = self.session.clicks(self.image_id)
        clicks = take_clicks(self.layer, before, self.session.current_class)
        if np.array_equal(clicks.points, before.points):
            if np.array_equal(clicks.class_ids, before.class_ids):
                return
            colour_marks(self.layer, clicks.class_ids, self._classes)
        self.commit(clicks)

    # layers that come and go
    def remove(self) -> None:
        """Take the layer away."""
        layer, self.layer, self.image_id = self.layer, None, ""
        if layer is not None:
            with suppress(ValueError):  # gone already
                self.viewer.layers.remove(layer)

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.layer, self.image_id = None, ""
            if self.session.image_id:
                self.session.notice.emit(
                    "The layer is gone, the clicks are safe in the project: choose the image again "
                    "to see them."
                )

    def _on_inserted(self, _event: Any) -> None:
        """Clicks stay on top."""
        layers = self.viewer.layers
        if self.layer is not None and self.layer in layers and layers[-1] is not self.layer:
            layers.move(layers.index(self.layer), len(layers))

    @property
    def _classes(self) -> ClassNames:
        assert self.session.project is not None
        return self.session.project.classes
