"""The ring around the place to click next."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Points

from seminar_napari.inspect.overlay_layers import MARK, selection_kept
from seminar_napari.layers.geometry import Geometry

NAME = "next click"
RING_PIXELS = 44
"""Diameter on screen, of the outer one of two rings: white on black is seen on any image."""

_SHARES = (1.0, 0.9)
_WIDTHS = np.array([0.19, 0.1])
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
            [[row, col]] * len(_SHARES),
            ndim=2,
            name=NAME,
            metadata={MARK: NAME},
            size=[RING_PIXELS / self._viewer.scene.camera.zoom * share for share in _SHARES],
            canvas_size_limits=(RING_PIXELS, RING_PIXELS),
            face_color="transparent",
            border_color=_COLOURS,
            border_width=_WIDTHS,
            **geometry,
        )
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
