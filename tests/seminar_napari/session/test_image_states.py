from __future__ import annotations

import threading

import numpy as np
import pytest

from seminar.clicks.click_set import ClickSet
from seminar.project.project import Project
from seminar_napari.session.image_states import ImageState, ImageStates


def state(*class_ids: int) -> ImageState:
    points = np.full((len(class_ids), 2), 5.0)
    return ImageState.of(ClickSet(20, 20, points, np.array(class_ids)))


@pytest.mark.parametrize(
    ("class_ids", "kind", "to_do"),
    [
        ((), "nothing", True),
        ((1, 2), "objects only", True),
        ((0,), "objects only", True),
        ((0, 1), "ready", False),
    ],
)
def test_kinds(class_ids: tuple[int, ...], kind: str, to_do: bool) -> None:
    assert state(*class_ids).kind == kind
    assert state(*class_ids).is_to_do == to_do
    assert state(*class_ids).objects == sum(class_id > 0 for class_id in class_ids)


def test_an_image_held_out_of_training_is_neither_ready_nor_to_do(three_fields: Project) -> None:
    states, told = ImageStates(), []
    states.open(three_fields, ("a",))
    states.wait(5)
    states.changed.connect(told.append)
    states.hold_out(frozenset({"a", "b"}))
    assert [states[image_id].kind for image_id in "abc"] == ["held out", "held out", "nothing"]
    assert [states[image_id].is_to_do for image_id in "abc"] == [False, False, True]
    assert states["a"].objects == 1 and states.number_ready() == 0
    assert sorted(told.pop()) == ["a", "b"]
    states.put("a", state(0, 1))
    assert states["a"].kind == "held out"
    states.hold_out(frozenset({"b"}))
    assert states["a"].kind == "ready" and told.pop() == ("a",)


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
    for number, (class_ids, seconds) in enumerate(
        (((0, 1), 20), ((0, 1), 30), ((0, 1), 0), ((1,), 99))
    ):
        states.put(
            str(number),
            ImageState.of(
                ClickSet(9, 9, np.ones((len(class_ids), 2)), np.array(class_ids), seconds)
            ),
        )
    assert states.mean_seconds() == 25


def test_what_is_read_late_is_marked_as_held_out(three_fields: Project) -> None:
    states = ImageStates()
    states.open(three_fields, ("a",))
    states.hold_out(frozenset({"a"}))
    states.wait(5)
    assert states["a"].kind == "held out" and states["a"].objects == 1


def test_what_was_read_of_the_project_before_is_not_this_ones(
    three_fields: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, begun = threading.Event(), threading.Event()
    real = Project.read_clicks

    def slow(self: Project, image_id: str) -> ClickSet | None:
        begun.set()
        assert gate.wait(10)
        return real(self, image_id)

    states = ImageStates()
    states.open(three_fields, ("a",))
    states._reader.wait(5)  # read, but not reported yet
    states.open(None)
    states.wait(5)
    assert states["a"].kind == "nothing"
    monkeypatch.setattr(Project, "read_clicks", slow)
    states.open(three_fields, ("a",))
    assert begun.wait(5)  # being read
    states.open(None)
    gate.set()
    states.wait(5)
    assert states["a"].kind == "nothing"
    states.open(three_fields, ("a",))
    states.wait(5)
    assert states["a"].kind == "ready"
