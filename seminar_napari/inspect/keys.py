"""The keys of the tab Inspect: held keys show an overlay, N goes to the next click."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from seminar_napari.inspect.overlay_kinds import OVERLAYS
from seminar_napari.inspect.overlays import Overlays

HOLD_KEYS = {overlay.key: overlay for overlay in OVERLAYS.values() if overlay.key}
NEXT_KEY = "N"

MARK = "_of_seminar"


def legend() -> tuple[tuple[str, str], ...]:
    """What the keys do, two held keys a line."""
    held = tuple(HOLD_KEYS.values())
    pairs = [held[start : start + 2] for start in range(0, len(held), 2)]
    return (
        *(
            (
                "hold " + ", ".join(overlay.key for overlay in pair),
                "see " + ", ".join(overlay.title for overlay in pair),
            )
            for pair in pairs
        ),
        (NEXT_KEY, "go to the next click"),
        ("Shift+click", "choose an object"),
    )


LEGEND = legend()


class InspectKeys:
    """Binds the keys on the viewer and on our own layers.

    A layer's keys go before the viewer's, so on layers of others napari's own keys (E erases
    labels, R draws rectangles) stay as they are. Points layers have none of these, so all keys work
    while the clicks are active. What somebody else has bound on the viewer is left alone.
    """

    def __init__(self, viewer: Any, overlays: Overlays, next_click: Callable[[], None]) -> None:
        self._viewer = viewer
        self._overlays = overlays
        self._next_click = next_click
        self._bound: list[tuple[str, Callable[..., Any]]] = []
        for name, action in self._actions().items():
            there = next((bound for key, bound in viewer.keymap.items() if str(key) == name), None)
            if there is None or hasattr(there, MARK):  # an earlier dock's
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
        """Bind the keys on an overlay: nobody paints on it, so they may replace napari's."""
        for name, action in self._actions().items():
            layer.bind_key(name, action, overwrite=True)

    def _actions(self) -> dict[str, Callable[..., Any]]:
        actions: dict[str, Callable[..., Any]] = {
            key: self._holding(overlay.name) for key, overlay in HOLD_KEYS.items()
        }
        actions[NEXT_KEY] = lambda _target: self._next_click()
        for action in actions.values():
            setattr(action, MARK, True)
        return actions

    def _holding(self, name: str) -> Callable[[Any], Generator[None]]:
        def hold(_target: Any) -> Generator[None]:
            self._overlays.choice.hold(name)
            yield
            self._overlays.choice.release(name)

        return hold
