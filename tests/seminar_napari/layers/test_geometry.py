"""A layer lies over the image, however the image lies."""

from __future__ import annotations

import numpy as np
from napari.layers import Image, Labels

from seminar_napari.layers.geometry import (
    follow_geometry,
    plane_geometry,
    set_geometry,
    with_leading_axes,
)

GEOMETRY = {"scale": [2, 3], "translate": [5, 7], "rotate": 30, "shear": [0.2]}


def stack() -> Image:
    """Four planes that lie askew."""
    plane = Image(np.zeros((4, 5)), **GEOMETRY, affine=[[1, 0.1, 3], [0, 1, 4], [0, 0, 1]])
    return Image(np.zeros((4, 4, 5)), **with_leading_axes(plane_geometry(plane), 1))


def test_a_layer_with_the_geometry_of_a_plane_lies_over_every_plane_of_the_stack() -> None:
    image = stack()
    over = Labels(np.zeros((4, 5), dtype=np.uint8), **plane_geometry(image))
    for pixel in ((0, 0), (3, 4), (1, 2)):
        there = image.data_to_world((2, *pixel))
        np.testing.assert_allclose(over.data_to_world(pixel), there[1:])
        assert there[0] == 2, "planes keep their distance"


def test_only_what_differs_is_set() -> None:
    image = stack()
    over, heard = Labels(np.zeros((4, 5), dtype=np.uint8)), list[str]()
    set_geometry(over, plane_geometry(image))
    np.testing.assert_allclose(over.data_to_world((3, 4)), image.data_to_world((0, 3, 4))[1:])
    for name in ("scale", "translate", "rotate", "shear", "affine", "units"):
        getattr(over.events, name).connect(lambda event: heard.append(event.type))
    set_geometry(over, plane_geometry(image))
    assert heard == []
    image.translate = (0, 1, 1)
    set_geometry(over, plane_geometry(image))
    assert heard == ["translate"]
    assert plane_geometry(over)["translate"].tolist() == [1, 1]


def test_one_layer_is_followed_in_place_of_another() -> None:
    first, second, calls = stack(), stack(), list[int]()

    def action() -> None:
        calls.append(1)

    follow_geometry(None, first, action)
    first.scale = (1, 4, 4)
    assert calls
    follow_geometry(first, second, action)
    calls.clear()
    first.scale = (1, 5, 5)
    assert calls == []
    second.translate = (0, 2, 2)
    assert calls
    follow_geometry(second, None, action)
    calls.clear()
    second.translate = (0, 3, 3)
    assert calls == []


def test_without_a_geometry_there_is_nothing_to_add() -> None:
    assert with_leading_axes({}, 2) == {}
