from __future__ import annotations

from dataclasses import replace

import numpy as np

from seminar.clicks.click_set import ClickSet
from seminar.labels import ClassNames
from seminar_napari.session.image_states import ImageState
from seminar_napari.session.training_warnings import warnings_before_training

CLASSES = ClassNames.of("background", "cell", "fibre")


def state(*class_ids: int, outside: int = 0, held_out: bool = False) -> ImageState:
    points = np.full((len(class_ids), 2), 5.0)
    points[:outside] = -9
    return replace(ImageState.of(ClickSet(20, 20, points, np.array(class_ids))), held_out=held_out)


def warnings(*states: ImageState) -> str:
    return "\n".join(
        warnings_before_training(
            [(f"im{number}", value) for number, value in enumerate(states)], CLASSES
        )
    )


def test_nothing_to_say_where_all_is_well() -> None:
    assert warnings(state(0, 1), state(0, 1, 2), state(held_out=True)) == ""


def test_each_trouble_is_named() -> None:
    assert "No image has clicks" in warnings(state(), state())
    assert "no clicks of class 0 'background', so never predicted" in warnings(state(1, 2))
    assert "no clicks of class 2 'fibre', so never predicted" in warnings(state(0, 1))
    assert "no clicks of class 0 'background', 2 'fibre', and one class alone" in warnings(state(1))
    assert "outside the image in im1" in warnings(state(0, 1, 2), state(0, 1, 2, outside=1))
    assert "1 of 2 images have no clicks" in warnings(state(0, 1, 2), state())
    assert "No background clicks in im1" in warnings(state(0, 1, 2), state(1))
    assert "class 7" in warnings(state(0, 1, 2, 7))
    assert "broken.json: restore it" in warnings(
        state(0, 1, 2), ImageState(fault="broken.json: restore it")
    )


def test_clicks_outside_the_split_are_named_and_count_for_nothing() -> None:
    said = warnings(state(0, 1), state(2, held_out=True), state(held_out=True))
    assert "Clicks in im1 are not trained on, as train.txt does not list it" in said
    assert "no clicks of class 2 'fibre'" in said
    assert "have no clicks" not in said
    assert "No image has clicks yet" in warnings(state(0, 1, held_out=True), state())


def test_of_many_images_three_are_named_and_the_rest_counted() -> None:
    well = state(0, 1, 2)
    three = warnings(well, *[state(0, 1, 2, outside=1)] * 3)
    assert "in im1, im2, im3 are ignored" in three
    assert "in im1, im2, im3 and 2 more are" in warnings(well, *[state(0, 1, 2, outside=1)] * 5)


def test_images_that_do_not_train_are_neither_counted_nor_named() -> None:
    said = warnings(
        state(0, 1, 2), state(), state(held_out=True), state(0, outside=1, held_out=True)
    )
    assert "1 of 2 images have no clicks" in said
    assert "outside the image" not in said
