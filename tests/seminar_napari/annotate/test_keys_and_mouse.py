from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from app_model.types import KeyBinding, OperatingSystem
from napari.layers import Points

from seminar_napari.annotate.keys_and_mouse import bind_keys, bind_mouse


@dataclass
class Event:
    """A mouse event as napari hands it on."""

    type: str
    pos: tuple[float, float]
    button: int = 1
    modifiers: tuple[str, ...] = ()
    camera_zoom: float = 2.0
    handled: bool = False

    @property
    def position(self) -> tuple[float, float]:
        return self.pos[1] / self.camera_zoom, self.pos[0] / self.camera_zoom


@dataclass
class Asked:
    """Notes what the mouse asks for; one mark lies at (10, 10)."""

    calls: list[Any] = field(default_factory=list)

    def nearest(self, position: Any, reach: float) -> int | None:
        return 0 if np.linalg.norm(np.subtract(position, (10, 10))) <= reach else None

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, *args)) if name != "tick" else None


def gesture(points: list[tuple[float, float]], **details: Any) -> tuple[list[Any], list[bool]]:
    """Press at the first point, move over the others, release at the last."""
    layer, asked = Points(ndim=2), Asked()
    layer.mode = "add"
    bind_mouse(layer, asked)  # type: ignore[arg-type]
    (callback,) = layer.mouse_drag_callbacks
    event = Event("mouse_press", points[0], **details)
    generator, handled = callback(layer, event), []
    for kind, point in [
        ("mouse_press", points[0]),
        *(("mouse_move", p) for p in points[1:]),
        ("mouse_release", points[-1]),
    ]:
        event.type, event.pos, event.handled = kind, point, False
        next(generator, None)
        handled.append(event.handled)
    return asked.calls, handled


def test_a_click_places_where_the_button_went_down() -> None:
    calls, _ = gesture([(60, 80), (61, 82)])
    assert calls == [("place", (40.0, 30.0))]


def test_a_drag_beside_marks_is_the_cameras() -> None:
    calls, handled = gesture([(60, 80), (62, 81), (90, 80)])
    assert calls == []
    assert handled == [False, True, False, False]


def test_a_click_on_a_mark_gives_it_the_class_and_a_drag_moves_it() -> None:
    assert gesture([(22, 21)])[0] == [("give_class", 0)]
    calls, handled = gesture([(20, 20), (40, 20), (60, 20)])
    assert calls == [
        ("drag", 0, (10.0, 20.0)),
        ("drag", 0, (10.0, 30.0)),
        ("drop", 0, (10.0, 30.0)),
    ]
    assert all(handled[:3])


@pytest.mark.parametrize(("zoom", "away"), [(0.5, 15.9), (2.0, 3.9), (16.0, 0.49)])
def test_a_mark_is_hit_within_eight_pixels_of_the_screen(zoom: float, away: float) -> None:
    near, beside = (10 * zoom, (10 + away) * zoom), (10 * zoom, (10 + away) * zoom + 0.5)
    assert gesture([near], camera_zoom=zoom)[0] == [("give_class", 0)]
    assert gesture([beside], camera_zoom=zoom)[0][0][0] == "place"


@pytest.mark.parametrize("modifier", ["Control", "Alt"])
def test_modifier_click_deletes_a_mark_and_never_adds(modifier: str) -> None:
    assert gesture([(22, 21)], modifiers=(modifier,))[0] == [("delete", 0)]
    assert gesture([(80, 80)], modifiers=(modifier,))[0] == []
    assert gesture([(20, 20), (60, 60)], modifiers=(modifier,))[0] == []


@pytest.mark.parametrize("details", [{"button": 2}, {"button": 3}, {"modifiers": ("Shift",)}])
def test_other_buttons_and_shift_are_left_to_napari(details: dict[str, Any]) -> None:
    assert gesture([(60, 80)], **details) == ([], [False, False])


def test_napari_modes_have_their_own_mouse_and_add_mode_has_ours() -> None:
    layer = Points(ndim=2)
    layer.mode = "add"
    bind_mouse(layer, Asked())  # type: ignore[arg-type]
    ours = list(layer.mouse_drag_callbacks)
    layer.mode = "select"
    assert not set(ours) & set(layer.mouse_drag_callbacks)
    layer.mode = "add"
    assert layer.mouse_drag_callbacks == ours


@pytest.mark.parametrize(
    ("system", "undo", "redo"),
    [
        (OperatingSystem.MACOS, "Meta+Z", "Shift+Meta+Z"),
        (OperatingSystem.WINDOWS, "Ctrl+Z", "Ctrl+Shift+Z"),
        (OperatingSystem.LINUX, "Ctrl+Z", "Ctrl+Shift+Z"),
    ],
)
def test_undo_is_the_key_that_the_system_has_for_it(
    system: OperatingSystem, undo: str, redo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "app_model.types._constants._CURRENT", system
    )  # Meta is the Command key there
    layer, asked = Points(ndim=2), Asked()
    bind_keys(layer, asked)  # type: ignore[arg-type]
    for key in (undo, redo):
        layer.keymap[KeyBinding.from_str(key)](layer)
    assert asked.calls == [("undo",), ("redo",)]
