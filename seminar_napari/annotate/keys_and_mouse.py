"""Keys and mouse on the "Clicks" layer; the keys of other layers do not change."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import numpy as np
from app_model.types import KeyCode, KeyMod
from napari.layers import Points
from napari.layers.points._points_mouse_bindings import add as _napari_add

from seminar_napari.annotate.click_edits import ClickEdits

HIT_PIXELS = 8.0  # on screen: the mouse hits marks within this distance
DRAG_PIXELS = 5.0  # on screen: less than this is a click, not a drag

_COMMAND = "Cmd" if sys.platform == "darwin" else "Ctrl"

LEGEND: tuple[tuple[str, str], ...] = (
    ("Click", "add a click"),
    ("Click a mark", "give it this class"),
    ("Drag a mark", "move it"),
    ("Drag elsewhere", "move the picture"),
    ("0", "background"),
    ("1 – 9", "class 1 to 9"),
    ("[  ]", "previous, next class"),
    ("D  A", "next, previous image"),
    ("X, Delete", "delete the nearest"),
    (f"{_COMMAND}+click a mark", "delete it"),
    (f"{_COMMAND}+Z", "undo"),
    (f"{_COMMAND}+Shift+Z", "redo"),
)
"""Keys and gestures with their meaning; short enough for one line of the narrowest dock."""


def bind_keys(layer: Points, edits: ClickEdits) -> None:
    """Bind our keys on this layer alone; they override napari's keys of points layers."""
    keys: dict[str | int, Callable[[], None]] = {
        "[": lambda: edits.step_class(-1),
        "]": lambda: edits.step_class(1),
        "D": edits.next_image,
        "A": edits.previous_image,
        "X": edits.delete_nearest,
        # napari's "Control" is not the Command key of a Mac
        KeyMod.CtrlCmd | KeyCode.KeyZ: edits.undo,
        KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ: edits.redo,
    }
    for digit in range(10):
        keys[str(digit)] = partial(edits.choose_class, digit)
    for name, action in keys.items():
        layer.bind_key(name, _on_layer(action, edits), overwrite=True)
    for name in ("Delete", "Backspace"):
        layer.bind_key(name, _on_layer(lambda: _delete(layer, edits), edits), overwrite=True)


def bind_image_keys(layer: Any, edits: ClickEdits) -> None:
    """Bind next and previous image on the image layer, too; napari has no such keys there."""
    layer.bind_key("D", _on_layer(edits.next_image, edits), overwrite=True)
    layer.bind_key("A", _on_layer(edits.previous_image, edits), overwrite=True)


def _on_layer(action: Callable[[], None], edits: ClickEdits) -> Callable[[Any], None]:
    def pressed(layer: Any) -> None:
        edits.tick()
        action()

    return pressed


def _delete(layer: Points, edits: ClickEdits) -> None:
    """Delete the selected marks (napari's select mode, S), else the nearest one."""
    if layer.mode == "select" and layer.selected_data:
        layer.remove_selected()
    else:
        edits.delete_nearest()


def bind_mouse(layer: Points, edits: ClickEdits) -> None:
    """Replace the plain click of napari's add mode by our click, drag and delete."""

    def pressed(layer: Points, event: Any) -> Generator[None]:
        return _press(layer, event, edits)

    def follow_mode() -> None:
        callbacks = layer.mouse_drag_callbacks
        for callback in (_napari_add, pressed):
            if callback in callbacks:
                callbacks.remove(callback)
        if layer.mode == "add":
            callbacks.append(pressed)

    layer.events.mode.connect(follow_mode)
    follow_mode()


def _press(layer: Points, event: Any, edits: ClickEdits) -> Generator[None]:
    """Handle the left button from press to release."""
    if event.button != 1 or "Shift" in event.modifiers:
        return
    edits.tick()
    deletes = "Control" in event.modifiers or "Alt" in event.modifiers
    start, position = np.array(event.pos), event.position
    hit = edits.nearest(position, HIT_PIXELS / event.camera_zoom)
    event.handled = hit is not None or deletes  # else the camera follows the drag
    yield
    dragged = False
    while event.type == "mouse_move":
        dragged = dragged or bool(np.linalg.norm(start - event.pos) >= DRAG_PIXELS)
        if hit is not None and not deletes and dragged:
            edits.drag(hit, event.position)
        event.handled = hit is not None or deletes or not dragged
        yield
    dragged = dragged or bool(np.linalg.norm(start - event.pos) >= DRAG_PIXELS)
    if hit is not None and dragged and not deletes:
        edits.drop(hit, event.position)
    elif dragged:
        return
    elif deletes:
        if hit is not None:
            edits.delete(hit)
    elif hit is not None:
        edits.give_class(hit)
    else:
        edits.place(position)
