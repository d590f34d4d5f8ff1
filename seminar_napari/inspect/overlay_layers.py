"""The layers that overlays are made of: colours, outlines, and how new values get into them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Points
from napari.utils.colormaps import Colormap, DirectLabelColormap

from seminar.labels import BACKGROUND, ClassNames
from seminar_napari.inspect.outlines import outlines
from seminar_napari.inspect.overlay_kinds import OVERLAYS
from seminar_napari.layers.colours import screen_palette

HEAT = Colormap(
    [[1.0, 0.75, 0.2, 0.0], [1.0, 0.6, 0.0, 0.55], [0.9, 0.3, 0.0, 0.9], [0.6, 0.1, 0.0, 1.0]],
    controls=[0.0, 0.25, 0.65, 1.0],
    name="seminar disagreement",
)
"""Clear, amber, deep orange: darker where the networks differ more. It is seen over dark and light
images and without red-green vision.
"""


def class_colormap(classes: ClassNames) -> DirectLabelColormap:
    """The classes' colours; background and unknown pixels are clear."""
    colours: dict[int | None, Any] = {None: "transparent", BACKGROUND: "transparent"}
    for class_id, colour in enumerate(screen_palette(classes)[: classes.num_classes] / 255):
        if class_id != BACKGROUND:
            colours[class_id] = [*colour, 1.0]
    return DirectLabelColormap(color_dict=colours)


MARK = "seminar overlay"
"""Key in the metadata of our layers."""


def remove_stale(viewer: Any) -> None:
    """Remove the overlays that an earlier dock of this window left."""
    for layer in [layer for layer in viewer.layers if MARK in layer.metadata]:
        viewer.layers.remove(layer)


def make_layer(
    name: str, data: npt.NDArray[np.uint8], classes: ClassNames, **options: Any
) -> Labels | Image:
    """A layer with a copy of `data`, (H, W) uint8; `options` go to napari."""
    overlay = OVERLAYS[name]
    options |= {"name": overlay.title, "metadata": {MARK: name}}
    if overlay.drawing == "heat":
        return Image(
            data.copy(), colormap=HEAT, contrast_limits=(0, 255), blending="translucent", **options
        )
    layer = Labels(data.copy(), colormap=class_colormap(classes), **options)

    def contour(labels: npt.NDArray[Any], data_slice: tuple[slice, ...]) -> npt.NDArray[Any] | None:
        if layer.contour < 1 or labels.ndim != 2:
            return None
        return outlines(labels, layer.contour, style=overlay.drawing)[data_slice]

    layer._calculate_contour = contour  # napari's own takes ten times as long
    return layer


def push(layer: Labels | Image, data: npt.NDArray[Any]) -> None:
    """Put values of the same or another size into a layer; unchanged values cost nothing."""
    if layer.data.shape != data.shape or layer.data.dtype != data.dtype:
        layer.data = data.copy()
        layer.editable = False
    elif not np.array_equal(layer.data, data):
        np.copyto(layer.data, data)
        layer.refresh(extent=False, highlight=False, thumbnail=False)


def add_layer(viewer: Any, layer: Labels | Image) -> None:
    """Put a layer over the image and the overlays of its kind; the selection stays.

    Clicks lie over it, and heat maps over label maps.
    """
    above = [
        index
        for index, other in enumerate(viewer.layers)
        if isinstance(other, Points) or (isinstance(layer, Labels) and _is_heat(other))
    ]
    with selection_kept(viewer):
        viewer.layers.insert(above[0] if above else len(viewer.layers), layer)


def _is_heat(layer: Any) -> bool:
    return isinstance(layer, Image) and MARK in layer.metadata


@contextmanager
def selection_kept(viewer: Any) -> Iterator[None]:
    """Add or move layers in this block without a change of the selected and the active layer."""
    selected, active = set(viewer.layers.selection), viewer.layers.selection.active
    yield
    viewer.layers.selection.clear()
    viewer.layers.selection.update(layer for layer in selected if layer in viewer.layers)
    if active is not None and active in viewer.layers:
        viewer.layers.selection.active = active
