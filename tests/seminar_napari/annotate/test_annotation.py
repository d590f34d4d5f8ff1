"""The shown image and its clicks in napari: shown, left and taken over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Points
from PIL import Image as PillowImage

from seminar.project.project import Project
from seminar_napari.annotate.annotation import Annotation
from seminar_napari.session.session import Session


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
        "dims.point",
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


def test_contrast_that_is_set_by_hand_stays_with_its_image_and_plane(
    annotation: Annotation, three_fields: Project
) -> None:
    session, viewer = annotation.session, annotation.viewer
    planes = np.stack([np.full((40, 60), 5), np.full((40, 60), 900)]).astype(np.uint16)
    planes[:, 20:] *= 2
    session.image_layer.contrast_limits = (60, 70)
    session.next_image()
    assert tuple(session.image_layer.contrast_limits) != (60, 70)
    session.previous_image()
    assert tuple(session.image_layer.contrast_limits) == (60, 70)
    (three_fields.path / "JPEGImages" / "c.png").unlink()
    tifffile.imwrite(three_fields.path / "JPEGImages" / "c.tif", planes, photometric="minisblack")
    annotation.close()
    again = Annotation(Session(), viewer)
    again.session.open_project(three_fields.path)
    assert tuple(again.session.image_layer.contrast_limits) == (60, 70), "also after reopening"
    again.session.show_image("c")
    layer = again.session.image_layer
    viewer.dims.set_point(0, 1)
    assert tuple(layer.contrast_limits) == (900, 1800), "each plane has its own stretch"
    layer.contrast_limits = (0, 3000)
    viewer.dims.set_point(0, 0)
    assert tuple(layer.contrast_limits) == (5, 10)
    viewer.dims.set_point(0, 1)
    assert tuple(layer.contrast_limits) == (0, 3000)
    again.close()


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
    assert tuple(session.image_layer.contrast_limits) != (60, 70)
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
