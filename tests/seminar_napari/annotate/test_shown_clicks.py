"""The layer "Clicks" in step with the session."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Points

from seminar.clicks.click_set import ClickSet
from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar_napari.annotate.annotation import Annotation
from seminar_napari.layers.clicks import mark_size

LOOKS = ("set_data", "face_color", "border_color", "border_width", "symbol")


def clicks_layer(annotation: Annotation) -> Points:
    layer = annotation.viewer.layers["Clicks"]
    assert isinstance(layer, Points)
    return layer


def test_colours_come_from_classes_txt_and_background_is_grey_with_a_wider_ring(
    annotation: Annotation,
) -> None:
    layer = clicks_layer(annotation)
    np.testing.assert_allclose(
        layer.face_color[0, :3], np.array([0xFF, 0x80, 0x00]) / 255, atol=0.01
    )
    assert len(set(layer.face_color[1, :3])) == 1
    assert layer.border_width[1] > 2 * layer.border_width[0]
    annotation.session.set_classes(ClassNames.parse("background\ncell #0000ff\nfibre"))
    np.testing.assert_allclose(layer.face_color[0, :3], [0, 0, 1], atol=0.01)


def test_a_class_change_leaves_the_clicks_that_are_there(annotation: Annotation) -> None:
    layer = clicks_layer(annotation)
    layer.selected_data = {0}
    annotation.session.set_class(2)
    assert layer.features["class_id"].tolist() == [1, 0]
    np.testing.assert_allclose(
        layer.face_color[0, :3], np.array([0xFF, 0x80, 0x00]) / 255, atol=0.01
    )
    annotation.edits.place((5, 5))
    assert layer.features["class_id"].tolist() == [1, 0, 2]


def test_what_scripts_and_napari_tools_do_to_the_layer_become_clicks(
    annotation: Annotation,
) -> None:
    layer, session = clicks_layer(annotation), annotation.session
    session.set_class(2)
    layer.add([8.0, 9.0])
    assert session.clicks("a").class_ids.tolist() == [1, 0, 2]
    layer.selected_data = {0}
    layer.remove_selected()
    assert session.clicks("a").points.tolist() == [[30, 40], [8, 9]]
    layer.data = layer.data + 1
    assert session.clicks("a").points.tolist() == [[31, 41], [9, 10]]
    layer.features = {"class_id": [1, 1]}
    assert session.clicks("a").class_ids.tolist() == [1, 1]
    np.testing.assert_allclose(
        layer.face_color[:, :3], [np.array([0xFF, 0x80, 0x00]) / 255] * 2, atol=0.01
    )
    for _ in range(4):
        annotation.edits.undo()
    assert session.clicks("a").points.tolist() == [[15, 15], [30, 40]]
    assert layer.features["class_id"].tolist() == [1, 0]


def test_a_click_is_drawn_once_and_the_viewer_is_not_measured_anew(annotation: Annotation) -> None:
    layer, drawn = clicks_layer(annotation), []
    for name in LOOKS:
        getattr(layer.events, name).connect(lambda event: drawn.append(event.type))
    annotation.viewer.dims.events.connect(lambda event: drawn.append("dims"))
    annotation.edits.place((5, 6))
    assert drawn == ["set_data"]
    annotation.edits.undo()
    assert "dims" not in drawn
    assert layer.face_color.shape == (2, 4) and set(layer.size) == {
        mark_size(annotation.session.clicks("a"))
    }


@pytest.mark.parametrize(
    "seen_before", [False, True], ids=["the layer is new", "the layer showed another image"]
)
def test_a_mark_dragged_with_naparis_select_tool_is_saved(
    annotation: Annotation, three_fields: Project, seen_before: bool
) -> None:
    session = annotation.session
    if seen_before:
        session.next_image()
        session.previous_image()
    layer = clicks_layer(annotation)
    layer.mode = "select"
    layer.selected_data = {0}
    before = session.clicks("a")
    for place in (
        (15.0, 15.0),
        (12.0, 20.0),
        (9.0, 33.0),
    ):  # napari changes the array itself, at each step of the mouse
        layer._move({0}, place)
    assert before.points.tolist() == [[15, 15], [30, 40]], "what was known stays what it was"
    assert session.clicks("a").points.tolist() == [[9, 33], [30, 40]]
    assert session.flush()
    saved = three_fields.read_clicks("a")
    assert saved is not None and saved.points.tolist() == [[9, 33], [30, 40]]
    layer._move({0}, (10.0, 34.0))
    assert session.clicks("a").points.tolist() == [
        [10, 34],
        [30, 40],
    ], "and once more, after it was drawn anew"
    annotation.edits.undo()
    annotation.edits.undo()
    annotation.edits.undo()
    assert session.clicks("a").points.tolist() == layer.data.tolist() == [[15, 15], [30, 40]]


def test_a_layer_that_is_changed_in_place_does_not_change_what_was_taken_of_it(
    annotation: Annotation,
) -> None:
    session, layer = annotation.session, clicks_layer(annotation)
    layer.data = layer.data + 1
    clicks = session.clicks("a")
    layer.data[0] = (2, 3)
    assert clicks.points.tolist() == [[16, 16], [31, 41]]
    layer.events.data(value=layer.data, action="changed", data_indices=(0,), vertex_indices=((),))
    assert session.clicks("a").points.tolist() == [[2, 3], [31, 41]]


def test_a_drag_on_the_canvas_is_drawn_while_it_lasts_and_saved_when_it_ends(
    annotation: Annotation, three_fields: Project
) -> None:
    session, layer = annotation.session, clicks_layer(annotation)
    annotation.edits.drag(0, (5.0, 6.0))
    assert layer.data.tolist() == [[5, 6], [30, 40]] and session.clicks("a").points.tolist() == [
        [15, 15],
        [30, 40],
    ]
    annotation.edits.drop(0, (7.0, 8.0))
    assert session.flush()
    saved = three_fields.read_clicks("a")
    assert saved is not None and saved.points.tolist() == [[7, 8], [30, 40]]
    annotation.edits.drag(1, (90.0, 8.0))
    annotation.edits.drop(1, (90.0, 8.0))  # 40 rows: outside
    assert layer.data.tolist() == session.clicks("a").points.tolist() == [[7, 8], [30, 40]]


def test_clicks_set_by_others_are_shown_and_can_be_undone(annotation: Annotation) -> None:
    annotation.session.set_clicks("a", ClickSet(40, 60, np.array([[1.0, 2.0]]), np.array([2])))
    assert clicks_layer(annotation).data.tolist() == [[1, 2]]
    annotation.edits.undo()
    assert len(clicks_layer(annotation).data) == 2


def test_time_on_an_image_is_kept(annotation: Annotation, three_fields: Project) -> None:
    now = [0.0]
    annotation.clicks.stopwatch.clock = lambda: now[0]
    annotation.clicks.stopwatch.restart(0)
    for _ in range(4):
        now[0] += 5
        annotation.viewer.cursor.position = (now[0], 1.0)
    annotation.edits.place((5, 5))
    now[0] += 3
    annotation.viewer.cursor.position = (2.0, 2.0)
    annotation.session.next_image()
    assert annotation.session.flush()
    clicks = three_fields.read_clicks("a")
    assert clicks is not None
    assert clicks.seconds == 23
    annotation.session.previous_image()
    assert annotation.clicks.stopwatch.seconds == 23
    annotation.session.next_image()
    assert not three_fields.clicks_path("b").exists(), "looking at an image is no annotation"
