"""The keys of the Inspect tab: held keys flick between the networks, N goes to the next click."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from seminar_napari.inspect.frames import Kind
from seminar_napari.inspect.overlays import Overlays

HOLD_KEYS: dict[str, Kind] = {"Q": "student", "W": "teacher", "E": "pseudo_label", "R": "truth"}
NEXT_KEY = "N"

MARK = "_of_seminar"

LEGEND: tuple[tuple[str, str], ...] = (
    ("hold Q, W", "see student, teacher"),
    ("hold E, R", "pseudo-label, truth"),
    ("N", "go to the next click"),
)
"""What the keys do, for people."""


class InspectKeys:
    """Binds the keys on the viewer and on our own layers.

    A layer's keys go before the viewer's, so on layers of others napari's own keys (E erases
    labels, R draws rectangles) stay as they are; points layers have none of these, so all work
    while the clicks are active. What somebody else has bound on the viewer is left alone.
    """

    def __init__(self, viewer: Any, overlays: Overlays, next_click: Callable[[], None]) -> None:
        self._viewer = viewer
        self._overlays = overlays
        self._next_click = next_click
        self._bound: list[tuple[str, Callable[..., Any]]] = []
        for name, action in self._actions().items():
            there = next((bound for key, bound in viewer.keymap.items() if str(key) == name), None)
            if there is None or hasattr(
                there, MARK
            ):  # an earlier dock of this window may have left its own
                viewer.bind_key(name, action, overwrite=True)
                self._bound.append((name, action))
        overlays.layer_added.connect(self.bind_on)
        for layer in overlays.layers.values():
            self.bind_on(layer)

    def close(self) -> None:
        """Give the viewer's keys back."""
        self._overlays.layer_added.disconnect(self.bind_on)
        for name, action in self._bound:
            if action in self._viewer.keymap.values():
                self._viewer.bind_key(name, None)
        self._bound.clear()

    def bind_on(self, layer: Any) -> None:
        """Our own layers are not painted on: there our keys go before napari's."""
        for name, action in self._actions().items():
            layer.bind_key(name, action, overwrite=True)

    def _actions(self) -> dict[str, Callable[..., Any]]:
        actions: dict[str, Callable[..., Any]] = {
            name: self._holding(kind) for name, kind in HOLD_KEYS.items()
        }
        actions[NEXT_KEY] = lambda _target: self._next_click()
        for action in actions.values():
            setattr(action, MARK, True)
        return actions

    def _holding(self, kind: Kind) -> Callable[[Any], Generator[None]]:
        def hold(_target: Any) -> Generator[None]:
            self._overlays.hold(kind)
            yield
            self._overlays.release(kind)

        return hold
