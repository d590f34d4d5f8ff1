"""The image that the window shows, and the way to the next one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal

from psygnal import Signal

from seminar.errors import SeminarError
from seminar_napari.layers.geometry import plane_geometry
from seminar_napari.session.image_states import ImageStates


class ShownImage:
    """Holds the shown image and its layer among the images of a project.

    Attributes
    ----------
    image_ids : tuple of str
        All images of the project, sorted.
    image_id : str
        The shown image; "" for none.
    image_states : ImageStates
        Clicks per class, faults and seconds of every image.
    only_to_do : bool
        Whether next and previous skip images that are ready.
    """

    images_changed = Signal(object)  # tuple of image ids: some came into the project, or left it
    image_changed = Signal(str)
    # right after image_changed, or alone: the annotation part shows it and sets image_layer
    image_wanted = Signal(str)
    image_layer_changed = Signal(object)

    def __init__(self) -> None:
        self.image_ids: tuple[str, ...] = ()
        self.image_id = ""
        self.image_states = ImageStates()
        self.only_to_do = False
        self._positions: dict[str, int] = {}
        self._image_layer: Any = None
        self._geometry: dict[str, Any] = {}

    def show_image(self, image_id: str) -> None:
        """Show this image of the project, or its missing layers; "" shows none."""
        if image_id == self.image_id:
            if image_id:
                self.image_wanted.emit(image_id)  # its layers may have been deleted
            return
        if image_id and image_id not in self._positions:
            raise SeminarError(f"{image_id}: no such image in the project; choose one of the list")
        self.image_id = image_id
        self.image_changed.emit(image_id)
        self.image_wanted.emit(image_id)

    def next_image(self) -> None:
        """Show the image after this one; stays at the last one."""
        self.show_image(next(self.images_from_here(1), self.image_id))

    def previous_image(self) -> None:
        """Show the image before this one; stays at the first one."""
        self.show_image(next(self.images_from_here(-1), self.image_id))

    def leave(self, image_ids: Collection[str]) -> None:
        """If one of these images is shown, show the nearest other one, if there is one."""
        if self.image_id in image_ids:
            here = self._positions[self.image_id]
            near = (*self.image_ids[here + 1 :], *reversed(self.image_ids[:here]))
            other = next((image_id for image_id in near if image_id not in image_ids), "")
            if other:
                self.show_image(other)

    def images_from_here(self, step: Literal[1, -1]) -> Iterator[str]:
        """The images after (1) or before (-1) the shown one, nearest first; see `only_to_do`."""
        number = len(self.image_ids)
        here = self._positions.get(self.image_id, -1 if step == 1 else number)
        for there in range(here + step, number if step == 1 else -1, step):
            if not self.only_to_do or self.image_states[self.image_ids[there]].is_to_do:
                yield self.image_ids[there]

    @property
    def image_layer(self) -> Any:
        """The napari Image layer that shows the image, or None; set by the annotation part."""
        return self._image_layer

    @image_layer.setter
    def image_layer(self, layer: Any) -> None:
        self._image_layer = layer
        if layer is not None:
            self.keep_geometry(layer)
        self.image_layer_changed.emit(layer)

    def keep_geometry(self, layer: Any) -> None:
        """Place new layers where this image layer lies."""
        self._geometry = plane_geometry(layer)

    def layer_geometry(self) -> dict[str, Any]:
        """Keyword arguments (scale, translate, ...) that put a 2-D layer over the image."""
        return dict(self._geometry)

    def _use_images(self, image_ids: tuple[str, ...]) -> None:
        """Begin with the images of another project."""
        self._number_images(image_ids)
        self._geometry.clear()

    def _number_images(self, image_ids: tuple[str, ...]) -> None:
        self.image_ids = image_ids
        self._positions = {image_id: position for position, image_id in enumerate(image_ids)}

    def _change_images(self, image_ids: tuple[str, ...]) -> None:
        """Go on with the images that the project has now."""
        self.leave(frozenset(self.image_ids) - frozenset(image_ids))
        self._number_images(image_ids)
        self.images_changed.emit(image_ids)
        if self.image_id not in self._positions:
            self.show_image(next(iter(image_ids), ""))
