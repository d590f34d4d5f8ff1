"""The points layer "Clicks": draws a click set, and reads it back."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Points

from seminar.clicks.click_set import ClickSet
from seminar.labels import BACKGROUND, ClassNames
from seminar_napari.layers.colours import screen_palette

NAME = "Clicks"
CLASS = "class_id"  # the feature column
MARK_PIXELS = (2, 13)  # min. and max. on screen; vispy draws no ring below half the min.
PATIENCE = 20  # hundredths of a second
MARKS_ACROSS = 50  # marks side by side that span the image

HELP = "click to add, click a mark to change its class, drag it to move it, X deletes"

_BACKGROUND_FACE = (0.42, 0.42, 0.42, 0.75)
_BACKGROUND_RING = (0.92, 0.92, 0.92, 1.0)
_OBJECT_RING = (1.0, 1.0, 1.0, 1.0)
_RING_WIDTHS = np.array([0.28, 0.12])  # share of the mark: background, object


def make_clicks_layer(clicks: ClickSet, classes: ClassNames, geometry: dict[str, Any]) -> Points:
    """A points layer of these clicks, over the image at `geometry`."""
    data, meta, _ = layer_data(clicks, classes, NAME)
    layer = Points(data, ndim=2, **meta, **geometry)
    prepare_next(layer, BACKGROUND, classes)
    layer.get_status = partial(_patient_status, layer)
    layer.events.help.connect(partial(_help_with_clicks, layer))
    return layer


def _help_with_clicks(layer: Points, _event: Any = None) -> None:
    """Replace napari's text in the status bar: the keys that it names have another meaning here."""
    adds = layer.mode == "add"
    layer.help = HELP if adds else "choose ⊕ to add clicks"


def _patient_status(layer: Points, *args: Any, **kwargs: Any) -> Any:
    """`Points.get_status`, repeated where it fails.

    napari's status thread asks while marks are removed, and would show its error on the screen.
    """
    for _ in range(PATIENCE):
        try:
            return Points.get_status(layer, *args, **kwargs)
        except (IndexError, ValueError):
            time.sleep(0.01)
    return Points.get_status(layer, *args, **kwargs)


def layer_data(clicks: ClickSet, classes: ClassNames, name: str) -> tuple[Any, dict[str, Any], str]:
    """These clicks as layer data for napari to add."""
    meta = {
        "name": name,
        "features": {CLASS: clicks.class_ids},
        "metadata": {"seminar": {"height": clicks.height, "width": clicks.width}},
        "size": mark_size(clicks),
        "canvas_size_limits": MARK_PIXELS,
    }
    if len(clicks):
        ring_widths = _RING_WIDTHS[(clicks.class_ids != BACKGROUND).astype(int)]
        meta |= {
            "face_color": _faces(clicks.class_ids, classes),
            "border_color": _rings(clicks.class_ids),
            "border_width": ring_widths,
        }
    return clicks.points.copy(), meta, "points"  # napari moves points in place


def remove_left_layers(layers: Any) -> None:
    """Remove the layers of an earlier dock, whose clicks nobody would write."""
    for layer in list(layers):
        is_ours = isinstance(layer, Points) and "height" in layer.metadata.get("seminar", {})
        if is_ours and not layer.editable:
            layers.remove(layer)


def mark_size(clicks: ClickSet) -> float:
    """Size of a mark in image pixels; napari's select mode does not know sizes on screen."""
    return max(2.0, min(clicks.height, clicks.width) / MARKS_ACROSS)


def put_clicks(layer: Points, clicks: ClickSet, classes: ClassNames) -> None:
    """Make the layer show exactly these clicks."""
    layer.selected_data = set()
    layer.metadata = {"seminar": {"height": clicks.height, "width": clicks.width}}
    shown = class_ids_of(layer)
    with layer._block_refresh():  # napari would slice all marks and draw the thumbnail four times
        layer.data = clicks.points.copy()  # napari moves points in place
        layer.size = mark_size(clicks)
        now = class_ids_of(layer)  # new marks have taken the current class and its look
        if not np.array_equal(now, clicks.class_ids):
            layer.features = {CLASS: clicks.class_ids}
    layer.refresh()
    is_first = not 0 < len(shown) <= len(now)  # napari gives the first mark any look
    if is_first or not np.array_equal(now, clicks.class_ids):
        colour_marks(layer, clicks.class_ids, classes)


def colour_marks(layer: Points, class_ids: npt.NDArray[np.int64], classes: ClassNames) -> None:
    """Give every mark the look of its class."""
    if len(class_ids):
        layer.face_color = _faces(class_ids, classes)
        layer.border_color = _rings(class_ids)
        layer.border_width = _RING_WIDTHS[(class_ids != BACKGROUND).astype(int)]


def prepare_next(layer: Points, class_id: int, classes: ClassNames) -> None:
    """Give new marks the class `class_id`; present marks keep theirs."""
    one = np.array([class_id])
    with layer.block_update_properties():
        layer.feature_defaults = {CLASS: one}
        layer.current_face_color = _faces(one, classes)[0]
        layer.current_border_color = _rings(one)[0]
        layer.current_border_width = float(_RING_WIDTHS[int(class_id != BACKGROUND)])


def take_clicks(layer: Points, before: ClickSet, current_class: int) -> ClickSet:
    """The clicks that the layer shows, with the size and seconds of `before`.

    Marks without a class get the current one.
    """
    class_ids = class_ids_of(layer, current_class)
    points = np.array(layer.data[:, -2:], dtype=np.float64)
    return replace(before, points=points, class_ids=class_ids)


def class_ids_of(layer: Points, unknown: int = BACKGROUND) -> npt.NDArray[np.int64]:
    """(n,) class of each mark; `unknown` where the layer has none."""
    if CLASS not in layer.features:
        return np.full(len(layer.data), unknown, dtype=np.int64)
    values = np.asarray(layer.features[CLASS], dtype=np.float64)
    return np.where(np.isfinite(values), values, unknown).astype(np.int64)


def _faces(class_ids: npt.NDArray[np.int64], classes: ClassNames) -> npt.NDArray[np.float64]:
    colours = screen_palette(classes)[np.clip(class_ids, 0, 255)] / 255
    faces = np.column_stack([colours, np.ones(len(class_ids))])
    faces[class_ids == BACKGROUND] = _BACKGROUND_FACE
    return faces


def _rings(class_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.where((class_ids == BACKGROUND)[:, None], _BACKGROUND_RING, _OBJECT_RING)
