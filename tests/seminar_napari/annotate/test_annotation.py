from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Points
from PIL import Image as PillowImage

from seminar.clicks.click_set import ClickSet
from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar_napari.annotate.annotation import Annotation
from seminar_napari.annotate.keys_and_mouse import LEGEND
from seminar_napari.layers.clicks import mark_size
from seminar_napari.session.session import Session

LOOKS = ("set_data", "face_color", "border_color", "border_width", "symbol")


@pytest.fixture
def session(three_fields: Project) -> Iterator[Session]:
    session = Session()
    yield session
    assert session.flush()


@pytest.fixture
def annotation(session: Session, three_fields: Project) -> Annotation:
    annotation = Annotation(session, ViewerModel())
    session.open_project(three_fields.path)
    return annotation


def clicks_layer(annotation: Annotation) -> Points:
    layer = annotation.viewer.layers["Clicks"]
    assert isinstance(layer, Points)
    return layer


def press(layer: Any, key: str) -> None:
    """Press a key that is bound on this layer."""
    from napari.utils.key_bindings import coerce_keybinding

    layer.keymap[coerce_keybinding(key)](layer)


def test_image_below_clicks_on_top_and_active(annotation: Annotation) -> None:
    viewer = annotation.viewer
    assert [layer.name for layer in viewer.layers] == ["a", "Clicks"]
    assert viewer.layers.selection.active is clicks_layer(annotation)
    assert clicks_layer(annotation).mode == "add"
    annotation.viewer.add_labels(np.zeros((40, 60), dtype=int), name="overlay")
    assert viewer.layers[-1].name == "Clicks"
    np.testing.assert_array_equal(
        viewer.layers["a"].data, annotation.session.project.read_image("a")[..., 0]
    )


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


def test_clicks_set_by_others_are_shown_and_can_be_undone(annotation: Annotation) -> None:
    annotation.session.set_clicks("a", ClickSet(40, 60, np.array([[1.0, 2.0]]), np.array([2])))
    assert clicks_layer(annotation).data.tolist() == [[1, 2]]
    annotation.edits.undo()
    assert len(clicks_layer(annotation).data) == 2


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


def test_layers_deleted_by_hand_come_back_with_all_clicks(annotation: Annotation) -> None:
    session, viewer = annotation.session, annotation.viewer
    viewer.layers.remove("Clicks")
    assert len(session.clicks("a")) == 2
    viewer.layers.remove("a")
    assert session.image_layer is None
    session.next_image()
    session.previous_image()
    assert [layer.name for layer in viewer.layers] == ["a", "Clicks"]
    assert clicks_layer(annotation).data.tolist() == [[15, 15], [30, 40]]


def test_choosing_the_shown_image_again_brings_its_layers_back(annotation: Annotation) -> None:
    session, viewer = annotation.session, annotation.viewer
    zoom = viewer.scene.camera.zoom = 7.0
    session.show_image("a")
    assert viewer.scene.camera.zoom == zoom, "nothing was missing, nothing moves"
    viewer.layers.remove("Clicks")
    session.show_image("a")
    assert [layer.name for layer in viewer.layers] == ["a", "Clicks"]
    viewer.layers.remove("a")
    session.show_image("a")
    assert [layer.name for layer in viewer.layers] == [
        "a",
        "Clicks",
    ] and session.image_layer is viewer.layers["a"]
    viewer.layers.clear()
    session.show_image("a")
    assert [layer.name for layer in viewer.layers] == ["a", "Clicks"]
    assert clicks_layer(annotation).data.tolist() == [[15, 15], [30, 40]]
    annotation.edits.place((5, 5))
    assert len(session.clicks("a")) == 3


def test_geometry_is_inherited_and_kept_from_image_to_image(annotation: Annotation) -> None:
    session, viewer = annotation.session, annotation.viewer
    image = session.image_layer
    assert isinstance(image, Image)
    image.scale, image.translate, image.rotate, image.shear, image.units = (
        (2, 3),
        (7, -5),
        30,
        [0.1],
        ("um", "um"),
    )
    image.affine = np.array([[1, 0.2, 4], [0, 1, 0], [0, 0, 1]])
    layer = clicks_layer(annotation)
    world = layer.data_to_world((12, 34))
    np.testing.assert_allclose(world, image.data_to_world((12, 34)))
    annotation.edits.place(world)
    np.testing.assert_allclose(session.clicks("a").points[-1], [12, 34])
    overlay = viewer.add_points(np.zeros((1, 2)), **session.layer_geometry())
    np.testing.assert_allclose(overlay.data_to_world((12, 34)), world)
    assert overlay.units == image.units
    session.next_image()
    np.testing.assert_allclose(session.image_layer.data_to_world((12, 34)), world)


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


def test_damaged_clicks_are_said_and_cannot_be_overwritten(
    annotation: Annotation, three_fields: Project
) -> None:
    said: list[str] = []
    annotation.session.notice.connect(said.append)
    three_fields.clicks_path("b").write_text("{")
    annotation.session.next_image()
    assert "b.json" in said[-1]
    assert [layer.name for layer in annotation.viewer.layers] == ["b"]
    annotation.edits.place((3, 3))
    assert three_fields.clicks_path("b").read_text() == "{"
    annotation.session.next_image()
    assert [layer.name for layer in annotation.viewer.layers] == ["c", "Clicks"]


def test_an_image_that_cannot_be_read_is_said(
    annotation: Annotation, three_fields: Project
) -> None:
    said: list[str] = []
    annotation.session.notice.connect(said.append)
    annotation._cache = type(annotation._cache)(three_fields)  # type: ignore[arg-type]  # nothing read ahead
    three_fields.image_path("b").write_bytes(b"no picture")
    annotation.session.next_image()
    assert said
    assert "b.png" in said[-1]
    assert annotation.session.image_layer is None
    annotation.session.next_image()
    assert annotation.session.image_layer.name == "c"


SIGNALS = ("project_changed", "image_wanted", "clicks_changed", "class_changed", "classes_changed")


def listeners(session: Session, viewer: ViewerModel) -> dict[str, int]:
    """How many listen to each signal of the session and to each event of the viewer, its layers,
    its dims.
    """
    found = {name: len(getattr(session, name)) for name in SIGNALS}
    for group, events in (
        ("viewer", viewer.events),
        ("layers", viewer.layers.events),
        ("dims", viewer.dims.events),
        ("cursor", viewer.cursor.events),
        ("camera", viewer.scene.camera.events),
    ):
        found |= {
            f"{group}.{name}": len(emitter.callbacks) for name, emitter in events.emitters.items()
        }
    return found


def layer_listeners(layer: Any) -> dict[str, int]:
    return {name: len(emitter.callbacks) for name, emitter in layer.events.emitters.items()}


def test_nothing_listens_after_closing(three_fields: Project) -> None:
    session, viewer = Session(), ViewerModel()
    before = listeners(session, viewer)
    annotation = Annotation(session, viewer)
    during = listeners(session, viewer)
    heard = {name for name in during if during[name] > before[name]}
    assert heard == {
        *SIGNALS,
        "layers.removed",
        "layers.inserted",
        "cursor.position",
        "camera.zoom",
    }
    annotation.close()
    assert listeners(session, viewer) == before


def test_the_layers_that_stay_are_listened_to_by_napari_alone(annotation: Annotation) -> None:
    viewer, image, clicks = (
        annotation.viewer,
        annotation.viewer.layers["a"],
        clicks_layer(annotation),
    )
    alone = (
        viewer.add_image(np.zeros((40, 60)), name="plain"),
        viewer.add_points(np.zeros((0, 2)), name="points"),
    )
    assert layer_listeners(image) != layer_listeners(alone[0])
    annotation.close()
    assert layer_listeners(image) == layer_listeners(alone[0])
    changed = {"data", "features"}
    assert {name: layer_listeners(clicks)[name] for name in changed} == {
        name: layer_listeners(alone[1])[name] for name in changed
    }


def test_what_happens_to_the_layers_after_closing_changes_no_clicks(
    annotation: Annotation, three_fields: Project
) -> None:
    session, layer = annotation.session, clicks_layer(annotation)
    annotation.close()
    layer.editable = True
    layer.add([8.0, 9.0])
    annotation.viewer.cursor.position = (30.0, 40.0)
    press(layer, "X")
    session.image_layer.scale = (2, 3)
    assert session.clicks("a").points.tolist() == [[15, 15], [30, 40]] and session.unsaved() == ()
    assert layer.scale.tolist() == [1, 1]
    assert len(three_fields.read_clicks("a") or ()) == 2


def test_after_the_project_is_closed_the_viewer_is_left_alone(annotation: Annotation) -> None:
    viewer = annotation.viewer
    annotation.session.close_project()
    assert not viewer.layers
    mine = viewer.add_points(np.zeros((1, 2)), name="mine")
    over = viewer.add_labels(np.zeros((4, 4), dtype=int), name="over")
    assert list(viewer.layers) == [mine, over], "no clicks to keep on top"
    assert annotation.clicks.layer is None and annotation.session.image_layer is None


def test_a_dock_that_is_opened_again_takes_over_the_layers(
    annotation: Annotation, three_fields: Project
) -> None:
    annotation.close()
    again = Annotation(Session(), annotation.viewer)
    again.session.open_project(three_fields.path)
    assert [layer.name for layer in annotation.viewer.layers] == ["a", "Clicks"]
    again.edits.place((5, 5))
    assert len(again.session.clicks("a")) == 3
    assert again.session.flush()


def test_a_picture_that_an_earlier_dock_left_is_not_taken_for_another_projects(
    annotation: Annotation, three_fields: Project, tmp_path: Path
) -> None:
    PillowImage.fromarray(np.full((40, 60), 9, dtype=np.uint8)).save(tmp_path / "a.png")
    other = Project.create(tmp_path / "other", [tmp_path / "a.png"], three_fields.classes)
    viewer = annotation.viewer
    annotation.close()
    again = Annotation(Session(), viewer)
    again.session.open_project(other.path)
    assert [layer.name for layer in viewer.layers] == ["a", "Clicks"]
    assert (viewer.layers["a"].data == 9).all() and again.session.image_layer is viewer.layers["a"]


def test_what_an_earlier_dock_left_shows_the_picture_as_it_is_now(
    annotation: Annotation, three_fields: Project
) -> None:
    viewer = annotation.viewer
    left = viewer.layers["a"]
    left.scale = (2, 3)
    copy = viewer.add_image(
        left.data, name="a copy", metadata=left.metadata
    )  # as napari duplicates a layer
    annotation.close()
    PillowImage.fromarray(np.full((40, 60), 9, dtype=np.uint8)).save(three_fields.image_path("a"))
    again = Annotation(Session(), viewer)
    again.session.open_project(three_fields.path, show=False)
    again.session.show_image("a")
    assert viewer.layers["a"] is left and (left.data == 9).all() and copy in viewer.layers
    assert again.session.layer_geometry()["scale"].tolist() == [2, 3]
    again.close()
    third = Annotation(Session(), viewer)
    third.session.open_project(three_fields.path, show=False)
    third.session.show_image("b")
    assert [layer.name for layer in viewer.layers] == [
        "b",
        "a copy",
        "Clicks",
    ], "nothing lies over the image"


def test_the_next_image_has_limits_of_its_own_and_its_planes_lie_where_the_image_lay(
    annotation: Annotation, three_fields: Project
) -> None:
    session, folder = annotation.session, three_fields.path / "JPEGImages"
    session.image_layer.contrast_limits = (60, 70)
    session.image_layer.scale, session.image_layer.translate, session.image_layer.rotate = (
        (2, 3),
        (7, -5),
        30,
    )
    session.next_image()
    assert tuple(session.image_layer.contrast_limits) == (0, 255)
    world = session.image_layer.data_to_world((12, 34))
    (folder / "c.png").unlink()
    tifffile.imwrite(
        folder / "c.tif", np.zeros((2, 40, 60), dtype=np.uint16), photometric="minisblack"
    )
    session.open_project(three_fields.path, show=False)
    session.show_image("b")
    session.image_layer.scale, session.image_layer.translate, session.image_layer.rotate = (
        (2, 3),
        (7, -5),
        30,
    )
    session.next_image()
    assert session.image_layer.ndim == 3
    np.testing.assert_allclose(session.image_layer.data_to_world((1, 12, 34)), (1, *world))
