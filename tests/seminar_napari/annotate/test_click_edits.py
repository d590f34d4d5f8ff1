"""What keys and mouse ask for, and undo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Points

from seminar.clicks.click_set import ClickSet
from seminar.project.project import Project
from seminar_napari.annotate.annotation import Annotation
from seminar_napari.annotate.keys_and_mouse import LEGEND


def clicks_layer(annotation: Annotation) -> Points:
    layer = annotation.viewer.layers["Clicks"]
    assert isinstance(layer, Points)
    return layer


def press(layer: Any, key: str) -> None:
    """Press a key that is bound on this layer."""
    from napari.utils.key_bindings import coerce_keybinding

    layer.keymap[coerce_keybinding(key)](layer)


def test_undo_is_per_image(annotation: Annotation) -> None:
    session = annotation.session
    annotation.edits.place((5, 5))
    session.next_image()
    annotation.edits.place((6, 6))
    annotation.edits.undo()
    annotation.edits.undo()  # nothing left here
    assert len(session.clicks("b")) == 0
    assert len(session.clicks("a")) == 3
    session.previous_image()
    annotation.edits.undo()
    assert len(session.clicks("a")) == 2
    annotation.edits.redo()
    assert session.clicks("a").points[-1].tolist() == [5, 5]


def test_undo_stays_within_its_project(
    annotation: Annotation, three_fields: Project, tmp_path: Path
) -> None:
    session = annotation.session
    annotation.edits.place((5, 5))
    session.next_image()
    annotation.edits.place((6, 6))
    images = [three_fields.image_path(image_id) for image_id in "ab"]
    other = Project.create(tmp_path / "other", images, three_fields.classes)
    other.write_clicks("a", ClickSet(40, 60, np.array([[1.0, 2.0]]), np.array([1])))
    said: list[str] = []
    session.notice.connect(said.append)
    session.open_project(other.path)
    annotation.edits.undo()
    annotation.edits.redo()
    assert said == ["Nothing to undo on this image.", "Nothing to redo on this image."]
    session.set_clicks(
        "b", ClickSet(40, 60, np.array([[3.0, 4.0]]), np.array([1]))
    )  # of an image not shown yet
    session.next_image()
    annotation.edits.undo()
    assert session.clicks("a").points.tolist() == [[1, 2]] and session.clicks(
        "b"
    ).points.tolist() == [[3, 4]]
    assert session.flush() and other.read_clicks("b") == session.clicks("b")
    session.open_project(three_fields.path)
    annotation.edits.undo()
    assert len(session.clicks("a")) == 3, "a project that was closed meanwhile begins with no past"


def test_a_change_to_an_image_that_is_not_shown_is_undone_there(annotation: Annotation) -> None:
    session = annotation.session
    session.next_image()
    session.set_clicks("a", ClickSet(40, 60))  # by a script
    annotation.edits.place((6, 6))
    annotation.edits.undo()
    annotation.edits.undo()
    assert len(session.clicks("b")) == 0 and len(session.clicks("a")) == 0
    session.previous_image()
    annotation.edits.undo()
    assert session.clicks("a").points.tolist() == [[15, 15], [30, 40]]


def test_keys_live_on_our_layer_alone(annotation: Annotation) -> None:
    layer, session = clicks_layer(annotation), annotation.session
    before = dict(Points.class_keymap)
    other = annotation.viewer.add_points(np.zeros((1, 2)))
    assert not other.keymap
    assert before == dict(Points.class_keymap)
    for key, expected in (("2", 2), ("0", 0), ("]", 1), ("[", 0), ("[", 2), ("9", 2)):
        press(layer, key)
        assert session.current_class == expected
    press(layer, "D")
    assert session.image_id == "b"
    press(annotation.viewer.layers["b"], "A")
    assert session.image_id == "a"


def test_every_key_of_the_legend_is_bound_and_every_bound_key_is_in_the_legend(
    annotation: Annotation,
) -> None:
    told = " ".join(keys for keys, _ in LEGEND)
    bound = {str(key) for key in clicks_layer(annotation).keymap}
    single = {key for key in bound if len(key) == 1}
    assert single == set("0123456789[]ADX")
    assert all(key in told for key in "0[]ADX")
    assert "1 – 9" in told
    is_mac = sys.platform == "darwin"
    assert ({"Meta+Z", "Shift+Meta+Z"} if is_mac else {"Ctrl+Z", "Ctrl+Shift+Z"}) | {
        "Delete"
    } <= bound
    command = "Cmd" if is_mac else "Ctrl"
    assert all(key in told for key in (f"{command}+Z", f"{command}+Shift+Z", "Delete"))


def test_delete_nearest_looks_near_the_mouse_only(annotation: Annotation) -> None:
    layer, session, said = clicks_layer(annotation), annotation.session, []
    session.notice.connect(said.append)
    annotation.viewer.scene.camera.zoom = 10.0
    annotation.viewer.cursor.position = (28.0, 39.0)
    press(layer, "X")
    assert session.clicks("a").points.tolist() == [[15, 15]]
    press(layer, "X")
    assert len(session.clicks("a")) == 1
    assert "No click near" in said[-1]


def test_nearest_is_measured_in_the_world_not_in_pixels(annotation: Annotation) -> None:
    session = annotation.session
    session.set_clicks(
        "a", ClickSet(40, 60, np.array([[10.0, 10.0], [12.0, 30.0]]), np.array([1, 0]))
    )
    image = session.image_layer
    image.scale = (10, 1)  # rows are ten times as far apart as columns
    # (12, 12) in pixels: 2 rows of 10 and 2 columns to the first click, 18 columns to the second
    assert annotation.edits.nearest((120, 12), 100) == 1
    assert (
        annotation.edits.nearest((120, 12), 18.1) == 1
        and annotation.edits.nearest((120, 12), 17.9) is None
    )
    assert (
        annotation.edits.nearest((100, 13), 3.1) == 0
        and annotation.edits.nearest((100, 13), 2.9) is None
    )
    image.scale, image.shear = (1, 1), [0.0]
    image.affine = np.array(
        [[1, 0, 0], [3, 1, 0], [0, 0, 1]]
    )  # one row down is three columns to the right, too
    # from (10, 20): the first click is 10 columns away; the second 2 rows and 10 + 6 columns
    assert annotation.edits.nearest(image.data_to_world((10, 20)), 10.1) == 0
    assert annotation.edits.nearest(image.data_to_world((10, 24)), 12.5) == 1, (
        "2 rows and 6 + 6 columns: the root of 148"
    )
    assert annotation.edits.nearest(image.data_to_world((10, 24)), 12.1) is None


def test_deleting_reaches_as_far_as_the_zoom_says(annotation: Annotation) -> None:
    session = annotation.session
    session.image_layer.scale = (0.5, 0.5)
    annotation.viewer.cursor.position = (
        15.0,
        24.0,
    )  # 4 to the right of the click at (30, 40) * 0.5
    annotation.viewer.scene.camera.zoom = 20.0  # 60 pixels on the screen are 3
    annotation.edits.delete_nearest()
    assert len(session.clicks("a")) == 2
    annotation.viewer.scene.camera.zoom = 12.0  # and now 5
    annotation.edits.delete_nearest()
    assert session.clicks("a").points.tolist() == [[15, 15]]


def test_delete_key_takes_the_selection_of_select_mode(annotation: Annotation) -> None:
    layer = clicks_layer(annotation)
    layer.mode = "select"
    layer.selected_data = {0, 1}
    press(layer, "Delete")
    assert len(annotation.session.clicks("a")) == 0
