"""Class colours on screen."""

from __future__ import annotations

import numpy as np
import pytest

from seminar.labels import ClassNames, voc_colour
from seminar_napari.layers.colours import screen_palette, visible


def luminance(colour: tuple[int, int, int]) -> float:
    share = np.array(colour) / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(light @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("class_id", range(1, 21))
def test_colours_of_the_voc_map_are_seen_on_black_and_on_white(class_id: int) -> None:
    seen = visible(voc_colour(class_id))
    assert luminance(seen) + 0.05 >= 3 * 0.05 and 1.05 / (luminance(seen) + 0.05) >= 3 - 0.02
    assert np.argmax(seen) == np.argmax(voc_colour(class_id)), "the hue stays"


def test_reds_of_the_map_are_told_apart_and_colours_that_were_chosen_are_left_alone() -> None:
    reds = np.array([visible(voc_colour(class_id)) for class_id in (8, 1, 9)])
    assert (np.abs(np.diff(reds, axis=0)).max(axis=1) >= 30).all()
    palette = screen_palette(ClassNames.parse("background\ncell #400000\nfibre"))
    assert palette[0].tolist() == [0, 0, 0] and palette[1].tolist() == [64, 0, 0]
    assert tuple(palette[2].tolist()) == visible((0, 128, 0)) != (0, 128, 0)
