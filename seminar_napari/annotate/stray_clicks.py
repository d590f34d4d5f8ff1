"""Clicks on the canvas that go nowhere, because another layer or tool is chosen."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from psygnal import Signal

from seminar_napari.annotate.keys_and_mouse import DRAG_PIXELS
from seminar_napari.annotate.shown_clicks import ShownClicks

TAKES_CLICKS = "seminar takes clicks"
"""Key in the metadata of a layer on which a click has a meaning of its own."""


class StrayClicks:
    """Says why a click on the canvas added nothing, where it is not meant for another tool."""

    said = Signal(str)

    def __init__(self, clicks: ShownClicks) -> None:
        self._clicks = clicks
        clicks.viewer.mouse_drag_callbacks.append(self._pressed)

    def close(self) -> None:
        """Watch no more."""
        callbacks = self._clicks.viewer.mouse_drag_callbacks
        if self._pressed in callbacks:
            callbacks.remove(self._pressed)

    def _pressed(self, _viewer: Any, event: Any) -> Generator[None]:
        if event.button != 1 or event.modifiers:
            return
        reason, start = self.reason(), np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if reason and np.linalg.norm(start - event.pos) < DRAG_PIXELS:
            self.said.emit(reason)

    def reason(self) -> str:
        """Why a click would add nothing now; empty where it adds one, or serves another tool."""
        layer, active = self._clicks.layer, self._clicks.viewer.layers.selection.active
        if layer is None or (active is not None and TAKES_CLICKS in active.metadata):
            return ""
        if active is not None and str(getattr(active, "mode", "pan_zoom")) != "pan_zoom":
            return ""
        if active is layer:
            return "No click added: the tool ⊕ is not chosen. Choose it in the layer controls."
        selected = f"the layer “{active.name}” is selected" if active else "no layer is selected"
        return f"No click added: {selected}. Select the layer “{layer.name}” in the layer list."
