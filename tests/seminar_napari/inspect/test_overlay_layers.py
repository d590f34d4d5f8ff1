"""The layers of the overlays, and their colours."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from seminar.labels import ClassNames
from seminar_napari.inspect.overlay_layers import add_layer, class_colormap, make_layer, push

SIZE = (40, 60)


def test_a_layer_of_another_size_has_an_array_of_its_own() -> None:
    layer = make_layer(
        "student", np.zeros(SIZE, dtype=np.uint8), ClassNames.of("background", "cell")
    )
    data = np.ones((7, 9), dtype=np.uint8)
    push(layer, data)
    layer.data[0, 0] = 0
    assert data.all()


def test_every_class_has_its_colour_the_last_one_too() -> None:
    colours = class_colormap(ClassNames.parse("background\ncell #ff8000\nfibre #0000ff"))
    mapped = colours.map(np.array([1, 2, 3], dtype=np.uint8))
    assert np.allclose(mapped, [[1, 128 / 255, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0]], atol=1e-3)


def test_heat_lies_over_masks_that_come_later_and_clicks_over_all() -> None:
    viewer, classes = ViewerModel(), ClassNames.of("background", "cell")
    viewer.add_image(np.zeros(SIZE))
    viewer.add_points(np.zeros((1, 2)), name="Clicks")
    for name in ("disagreement", "student", "unsure", "teacher"):
        add_layer(viewer, make_layer(name, np.zeros(SIZE, dtype=np.uint8), classes))
    names = [layer.name for layer in viewer.layers][1:]
    assert names == ["student", "teacher", "disagreement", "unsure", "Clicks"]
