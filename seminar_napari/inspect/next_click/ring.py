"""The ring around the place to click next."""

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

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.layer: Points | None = None

    def show(self, row: float, col: float, geometry: Geometry) -> None:
        """Draw it around a pixel of the shown image, which lies at `geometry`."""
        self.hide()
        if self._viewer.canvas.grid.enabled:
            return  # a layer more would be a cell more; the place is in the middle of each
        layer = Points(
            [[row, col]] * len(_WIDTHS),
            ndim=2,
            name=NAME,
            metadata={MARK: NAME},
            face_color="transparent",
            border_color=_COLOURS,
            border_width=_WIDTHS,
            **geometry,
        )
        pixel = np.subtract(layer.data_to_world((1, 0)), layer.data_to_world((0, 0)))
        layer.size = RING_PIXELS / self._viewer.scene.camera.zoom / np.linalg.norm(pixel)
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
