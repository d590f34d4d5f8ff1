"""Clicks that go nowhere say so."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from seminar_napari.annotate.annotation import Annotation
from seminar_napari.inspect.objects.layer import TAKES_CLICKS


def click(annotation: Annotation, *, button: int = 1, moved: float = 0.0) -> list[str]:
    """What is said on a click, or a drag, on the canvas."""
    said: list[str] = []
    annotation.stray_clicks.said.connect(said.append)
    for callback in annotation.viewer.mouse_drag_callbacks:
        event = SimpleNamespace(type="mouse_press", button=button, modifiers=(), pos=(10.0, 10.0))
        going = callback(annotation.viewer, event)
        next(going, None)
        event.type, event.pos = "mouse_move", (10.0, 10.0 + moved)
        next(going, None)
        event.type = "mouse_release"
        next(going, None)
    annotation.stray_clicks.said.disconnect(said.append)
    return said


def test_a_click_beside_the_clicks_layer_says_which_layer_is_selected(
    annotation: Annotation,
) -> None:
    layers = annotation.viewer.layers
    assert click(annotation) == []
    layers.selection.active = annotation.session.image_layer
    assert "“a” is selected" in click(annotation)[0] and "“Clicks”" in click(annotation)[0]
    assert click(annotation, button=2) == click(annotation, moved=30) == []
    layers.selection.clear()
    assert "no layer is selected" in click(annotation)[0]
    layers.selection.active = annotation.clicks.layer
    annotation.clicks.layer.mode = "pan_zoom"
    assert "⊕" in click(annotation)[0]
    annotation.clicks.layer.mode = "select"
    assert click(annotation) == []


def test_other_peoples_tools_work_in_silence(annotation: Annotation) -> None:
    painted = annotation.viewer.add_labels(np.zeros((40, 60), dtype=np.uint8), name="mine")
    painted.mode = "paint"
    assert click(annotation) == []
    painted.mode = "pan_zoom"
    assert "“mine”" in click(annotation)[0]
    painted.metadata = {TAKES_CLICKS: True}
    assert click(annotation) == [], "a click there chooses something"
    painted.metadata = {}
    annotation.close()
    assert click(annotation) == []


@pytest.mark.parametrize("mode", ["add", "select"])
def test_the_status_bar_names_no_key_that_has_another_meaning_here(
    annotation: Annotation, mode: str
) -> None:
    annotation.clicks.layer.mode = "pan_zoom"
    annotation.clicks.layer.mode = mode
    assert "<" not in annotation.viewer.help and "add" in annotation.viewer.help
