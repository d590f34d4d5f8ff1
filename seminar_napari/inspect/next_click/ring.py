"""A ring around a place: the one to click next, or a chosen object."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Points

from seminar_napari.inspect.overlay_layers import MARK, selection_kept
from seminar_napari.layers.geometry import Geometry

NAME = "next click"
RING_PIXELS = 40
"""Inner diameter on screen, when it is drawn; a white ring in a black one is seen on any image."""

_WIDTHS = np.array([0.16, 0.08])  # share of the diameter
_COLOURS = np.array([[0.0, 0.0, 0.0, 0.8], [1.0, 1.0, 1.0, 1.0]])


class Ring:
    """A layer with one ring, under the clicks; it is no click, and no file is made of it."""

    def __init__(self, viewer: Any, name: str = NAME) -> None:
        self._viewer, self._name = viewer, name
        self.layer: Points | None = None

    def show(self, row: float, col: float, geometry: Geometry, diameter: float = 0) -> None:
        """Draw it around a pixel of the shown image, which lies at `geometry`.

        Its inner diameter is so many pixels of the image, or more: `RING_PIXELS` on screen.
        """
        self.hide()
        if self._viewer.canvas.grid.enabled:
            return  # a layer more would be a cell more; the place is in the middle of each
        layer = Points(
            [[row, col]] * len(_WIDTHS),
            ndim=2,
            name=self._name,
            metadata={MARK: self._name},
            face_color="transparent",
            border_color=_COLOURS,
            **geometry,
        )
        pixel = np.subtract(layer.data_to_world((1, 0)), layer.data_to_world((0, 0)))
        least = RING_PIXELS / self._viewer.scene.camera.zoom / np.linalg.norm(pixel)
        layer.size = max(float(least), diameter)
        layer.border_width = _WIDTHS * least / max(float(least), diameter)
        layer.editable = False
        layers = self._viewer.layers
        with selection_kept(self._viewer):
            on_top = len(layers) and isinstance(layers[-1], Points)
            layers.insert(len(layers) - bool(on_top), layer)
        self.layer = layer

    def hide(self) -> None:
        """Take it away."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._viewer.layers:
            with selection_kept(self._viewer):
                self._viewer.layers.remove(layer)
