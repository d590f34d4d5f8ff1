"""Keys and mouse on the "Clicks" layer. They live on that one layer, so that no other layer's
keys change.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from app_model.types import KeyCode, KeyMod
from napari.layers import Points
from napari.layers.points._points_mouse_bindings import add as _napari_add

HIT_PIXELS = 8.0  # on screen: so near a mark, the mouse means that mark
REACH_PIXELS = 60.0  # on screen: so far the key X looks for the nearest click
DRAG_PIXELS = 5.0  # on screen: less than this is a click, not a drag

_COMMAND, _OPTION = ("Cmd", "Option") if sys.platform == "darwin" else ("Ctrl", "Alt")

LEGEND: tuple[tuple[str, str], ...] = (
    ("Click", "add a click"),
    ("Click a mark", "give it this class"),
    ("Drag a mark", "move it"),
    ("Drag elsewhere", "move the picture"),
    ("0", "background"),
    ("1 – 9", "class 1 to 9"),
    ("[  ]", "previous, next class"),
    ("D  A", "next, previous image"),
    ("X, Delete", "delete the nearest click"),
    (f"{_COMMAND} or {_OPTION}+click", "delete the click there"),
    (f"{_COMMAND}+Z", "undo"),
    (f"{_COMMAND}+Shift+Z", "redo"),
)
"""What the keys and the mouse do, for people; short enough for one line of the narrowest dock."""


class ClickActions(Protocol):
    """What keys and mouse ask for; positions are in world coordinates, as napari's events give
    them.
    """

    def place(self, position: npt.ArrayLike) -> None: ...
    def nearest(self, position: npt.ArrayLike, reach: float) -> int | None: ...
    def give_class(self, index: int) -> None: ...
    def drag(self, index: int, position: npt.ArrayLike) -> None: ...
    def drop(self, index: int, position: npt.ArrayLike) -> None: ...
    def delete(self, index: int) -> None: ...
    def delete_nearest(self) -> None: ...
    def undo(self) -> None: ...
    def redo(self) -> None: ...
    def choose_class(self, class_id: int) -> None: ...
    def step_class(self, step: int) -> None: ...
    def next_image(self) -> None: ...
    def previous_image(self) -> None: ...
    def tick(self) -> None: ...


def bind_keys(layer: Points, actions: ClickActions) -> None:
    """Bind our keys on this layer alone; they go before napari's own keys of points layers."""
    keys: dict[str | int, Callable[[], None]] = {
        "[": lambda: actions.step_class(-1),
        "]": lambda: actions.step_class(1),
        "D": actions.next_image,
        "A": actions.previous_image,
        "X": actions.delete_nearest,
        KeyMod.CtrlCmd | KeyCode.KeyZ: (
            actions.undo
        ),  # napari's "Control" is not the Command key of a Mac
        KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ: actions.redo,
    }
    for digit in range(10):
        keys[str(digit)] = _choosing(actions, digit)
    for name, action in keys.items():
        layer.bind_key(name, _on_layer(action, actions), overwrite=True)
    for name in ("Delete", "Backspace"):
        layer.bind_key(name, _on_layer(lambda: _delete(layer, actions), actions), overwrite=True)


def bind_image_keys(layer: Any, actions: ClickActions) -> None:
    """Next and previous image also while our image layer is the active one; napari has no such
    keys there.
    """
    layer.bind_key("D", _on_layer(actions.next_image, actions), overwrite=True)
    layer.bind_key("A", _on_layer(actions.previous_image, actions), overwrite=True)


def _choosing(actions: ClickActions, class_id: int) -> Callable[[], None]:
    return lambda: actions.choose_class(class_id)


def _on_layer(action: Callable[[], None], actions: ClickActions) -> Callable[[Any], None]:
    def pressed(layer: Any) -> None:
        actions.tick()
        action()

    return pressed


def _delete(layer: Points, actions: ClickActions) -> None:
    """Selected marks (napari's select mode, S), else the nearest one."""
    if layer.mode == "select" and layer.selected_data:
        layer.remove_selected()
    else:
        actions.delete_nearest()


def bind_mouse(layer: Points, actions: ClickActions) -> None:
    """In napari's add mode, have our click, drag and delete in place of its plain add."""

    def pressed(layer: Points, event: Any) -> Generator[None]:
        return _press(layer, event, actions)

    def follow_mode() -> None:
        callbacks = layer.mouse_drag_callbacks
        for callback in (_napari_add, pressed):
            if callback in callbacks:
                callbacks.remove(callback)
        if layer.mode == "add":
            callbacks.append(pressed)

    layer.events.mode.connect(follow_mode)
    follow_mode()


def _press(layer: Points, event: Any, actions: ClickActions) -> Generator[None]:
    """From press to release of the left button."""
    if event.button != 1 or "Shift" in event.modifiers:
        return
    actions.tick()
    deletes = "Control" in event.modifiers or "Alt" in event.modifiers
    start, position = np.array(event.pos), event.position
    hit = actions.nearest(position, HIT_PIXELS / event.camera_zoom)
    event.handled = hit is not None or deletes  # else the camera follows the drag
    yield
    dragged = False
    while event.type == "mouse_move":
        dragged = dragged or bool(np.linalg.norm(start - event.pos) >= DRAG_PIXELS)
        if hit is not None and not deletes and dragged:
            actions.drag(hit, event.position)
        event.handled = hit is not None or deletes or not dragged
        yield
    dragged = dragged or bool(np.linalg.norm(start - event.pos) >= DRAG_PIXELS)
    if hit is not None and dragged and not deletes:
        actions.drop(hit, event.position)
    elif dragged:
        return
    elif deletes:
        if hit is not None:
            actions.delete(hit)
    elif hit is not None:
        actions.give_class(hit)
    else:
        actions.place(position)
