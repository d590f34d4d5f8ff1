from __future__ import annotations

import numpy as np
import pytest

from seminar.clicks import ClickSet
from seminar.labels import ClassNames
from seminar.voc import Project
from seminar_napari._image_states import ImageState, ImageStates, warnings_before_training

CLASSES = ClassNames.of("background", "cell", "fibre")


def state(*class_ids: int, outside: int = 0) -> ImageState:
    points = np.full((len(class_ids), 2), 5.0)
    points[:outside] = -9
    return ImageState.of(ClickSet(20, 20, points, np.array(class_ids)))


@pytest.mark.parametrize(
    ("class_ids", "kind", "to_do"),
    [((), "nothing", True), ((1, 2), "objects only", True), ((0,), "objects only", True), ((0, 1), "ready", False)],
)
def test_kinds(class_ids: tuple[int, ...], kind: str, to_do: bool) -> None:
    assert state(*class_ids).kind == kind
    assert state(*class_ids).is_to_do == to_do
    assert state(*class_ids).objects == sum(class_id > 0 for class_id in class_ids)


def warnings(*states: ImageState) -> str:
    return "\n".join(warnings_before_training([(f"im{number}", value) for number, value in enumerate(states)], CLASSES))


def test_nothing_to_say_where_all_is_well() -> None:
    assert warnings(state(0, 1), state(0, 1, 2)) == ""


def test_each_trouble_is_named() -> None:
    assert "No image has clicks" in warnings(state(), state())
    assert "No background clicks at all" in warnings(state(1, 2))
    assert "Class 2 'fibre' has no clicks" in warnings(state(0, 1))
    assert "outside the image in im1" in warnings(state(0, 1, 2), state(0, 1, 2, outside=1))
    assert "1 of 2 images have no clicks" in warnings(state(0, 1, 2), state())
    assert "No background clicks in im1" in warnings(state(0, 1, 2), state(1))
    assert "class 7" in warnings(state(0, 1, 2, 7))
    assert "broken.json: restore it" in warnings(state(0, 1, 2), ImageState(fault="broken.json: restore it"))


def test_states_on_disk_are_read_in_the_background(three_fields: Project) -> None:
    (three_fields.path / "Clicks" / "b.json").write_text("{")
    states, told = ImageStates(), []
    states.changed.connect(told.append)
    states.open(three_fields, ("a", "b"))
    states.wait(5)
    assert states["a"].kind == "ready"
    assert states["b"].kind == "fault"
    assert "b.json" in states["b"].fault
    assert states["c"].kind == "nothing"
    assert states.number_ready() == 1
    assert {image_id for ids in told for image_id in ids} == {"a", "b"}


def test_what_the_user_just_did_is_newer_than_what_was_read(three_fields: Project) -> None:
    states = ImageStates()
    states.open(three_fields, ("a",))
    states.put("a", state(1))
    states.wait(5)
    assert states["a"].counts == ((1, 1),)


def test_seconds_per_image_are_of_images_that_are_ready_and_timed() -> None:
    states = ImageStates()
    assert states.mean_seconds() is None
    for number, (class_ids, seconds) in enumerate((((0, 1), 20), ((0, 1), 30), ((0, 1), 0), ((1,), 99))):
        states.put(
            str(number), ImageState.of(ClickSet(9, 9, np.ones((len(class_ids), 2)), np.array(class_ids), seconds))
        )
    assert states.mean_seconds() == 25
