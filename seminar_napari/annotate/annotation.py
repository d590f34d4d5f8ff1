"""The shown image in napari: one image layer, and the layer of its clicks over it."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image

from seminar.errors import SeminarError
from seminar.project.project import Project
from seminar_napari.annotate.click_edits import ClickEdits
from seminar_napari.annotate.image_cache import ImageCache
from seminar_napari.annotate.keys_and_mouse import bind_image_keys, bind_keys, bind_mouse
from seminar_napari.annotate.shown_clicks import ShownClicks
from seminar_napari.annotate.stray_clicks import StrayClicks
from seminar_napari.layers.clicks import remove_left_layers
from seminar_napari.layers.geometry import follow_geometry
from seminar_napari.layers.image import fits, make_image_layer, show_picture, take_over
from seminar_napari.layers.picture import Picture
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.contrast import Contrast
from seminar_napari.session.session import Session


class Annotation:
    """Shows the session's image and clicks, and binds keys and mouse to their edits.

    Attributes
    ----------
    clicks : ShownClicks
    edits : ClickEdits
    stray_clicks : StrayClicks
    """

    def __init__(self, session: Session, viewer: ViewerModel) -> None:
        self.session = session
        self.viewer = viewer
        remove_left_layers(viewer.layers)
        self.clicks = ShownClicks(session, viewer)
        self.edits = ClickEdits(self.clicks)
        self._image: Image | None = None
        self._cache: ImageCache | None = None
        self.stray_clicks = StrayClicks(self.clicks)
        self._contrast = Contrast(viewer)
        self._cleanup = Cleanup(
            self.stray_clicks.close,
            self.clicks.close,
            self.edits.close,
            self._contrast.close,
            self._leave_image,
        )
        self._cleanup.connect(session.project_changed, self._on_project)
        self._cleanup.connect(session.images_changed, self._on_images)
        self._cleanup.connect(session.image_wanted, self._show)
        self._cleanup.connect(viewer.layers.events.removed, self._on_removed)

    def close(self) -> None:
        """Disconnect from session and viewer; the layers stay as they are."""
        self._cleanup()

    def keep_seconds(self) -> None:
        """Write the time spent on the shown image, if it has clicks."""
        self.clicks.keep_seconds()

    def _on_project(self, project: Project | None) -> None:
        self._cache = ImageCache(project) if project is not None else None
        self._contrast.use(project.path if project is not None else None)

    def _on_images(self, _image_ids: object) -> None:
        """An image that left may have come back as another one of its name."""
        if self.session.project is not None:
            self._cache = ImageCache(self.session.project)

    def _show(self, image_id: str) -> None:
        if image_id and image_id == self.clicks.image_id and self._image is not None:
            return  # chosen again, and nothing is missing
        self.keep_seconds()
        self.clicks.image_id = ""
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
        self._show_image(shown, project, image_id)
        self._show_clicks(image_id)
        self.viewer.reset_view()
        ahead, back = self.session.images_from_here(1), self.session.images_from_here(-1)
        self._cache.read_ahead([*islice(ahead, 2), *islice(back, 1)])

    def _show_image(self, shown: Picture, project: Project, image_id: str) -> None:
        self._contrast.leave()
        if self._image is not None and fits(self._image, shown):
            show_picture(self._image, shown, project, image_id)
        else:
            self._remove_layers()  # clicks alone crash napari 0.9.2 where an image adds an axis
            layers, geometry = self.viewer.layers, self.session.layer_geometry()
            image = take_over(layers, shown, project, image_id)
            self._image = image = image or make_image_layer(shown, project, image_id, geometry)
            bind_image_keys(image, self.edits)
            follow_geometry(None, image, self._on_geometry)
            if image not in layers:
                self.viewer.add_layer(image)
            layers.move(layers.index(image), 0)
        self._contrast.show(self._image, shown, image_id)
        self.session.image_layer = self._image

    def _show_clicks(self, image_id: str) -> None:
        try:
            is_new = self.clicks.show(image_id)
        except (SeminarError, OSError) as error:
            self.clicks.remove()
            self.session.notice.emit(str(error))
            return
        self.edits.begin(image_id)
        if is_new and self.clicks.layer is not None:
            bind_keys(self.clicks.layer, self.edits)
            bind_mouse(self.clicks.layer, self.edits)

    def _on_geometry(self) -> None:
        """The image was moved, scaled, ...: clicks, and all layers made later, follow."""
        if self._image is not None:
            self.session.keep_geometry(self._image)
            self.clicks.lie_over_image()

    def _on_removed(self, event: Any) -> None:
        if event.value is self._image:
            self._image, self.session.image_layer = None, None

    def _remove_layers(self) -> None:
        self.clicks.remove()
        self._remove_image()

    def _remove_image(self) -> None:
        image, self._image = self._image, None
        if image is not None:
            self.session.image_layer = None
            with suppress(ValueError):  # gone already
                self.viewer.layers.remove(image)

    def _leave_image(self) -> None:
        follow_geometry(self._image, None, self._on_geometry)
        self._image = None
