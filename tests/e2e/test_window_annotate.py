"""Annotating in the real window: every click, key and drag is a Qt event on the canvas; what
counts is the files.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea
from window_hands import Hands, make_project, settle, wait_until

from seminar.clicks.click_set import ClickSet
from seminar.io.label_png import read_label_png
from seminar.project.project import Project
from seminar_napari.layers.colours import screen_palette

Check = Callable[[Any, Hands, Project], None]


def run_checks(open_window: Callable[[], Any], folder: Path, *checks: Check) -> None:
    """Each on a new project in one window, which takes longer to open than all of them."""
    dock = open_window()
    for check in checks:
        project = make_project(folder / check.__name__)
        dock.open_project(project.path)
        settle(0.3)
        hands = Hands(dock.viewer)
        hands.key(Qt.Key.Key_1)  # the class stays from project to project
        check(dock, hands, project)


def on_disk(dock: Any, project: Project, image_id: str = "image_1") -> ClickSet:
    """What the files say once the window says that all is saved; JSON and mask agree."""
    wait_until(lambda: not dock.session.unsaved(), what="the writer")
    clicks = ClickSet.from_json(project.clicks_path(image_id).read_bytes())
    np.testing.assert_array_equal(
        read_label_png(project.sparse_mask_path(image_id)), clicks.rasterize()
    )
    return clicks


def clicks_land_where_the_mouse_is_in_the_current_class_and_colour(
    dock: Any, hands: Hands, project: Project
) -> None:
    hands.click(30, 40)
    hands.key(Qt.Key.Key_2)
    hands.click(60, 100)
    hands.key(Qt.Key.Key_0)
    hands.click(90, 20)
    clicks = on_disk(dock, project)
    np.testing.assert_allclose(clicks.points, [[30, 40], [60, 100], [90, 20]], atol=0.3)
    assert clicks.class_ids.tolist() == [1, 2, 0]
    layer = dock.viewer.layers["Clicks"]
    colours = screen_palette(project.classes) / 255
    np.testing.assert_allclose(layer.face_color[:2, :3], colours[1:3], atol=0.01)
    red, green, blue, _ = layer.face_color[2]
    assert red == green == blue
    assert layer.border_width[2] > layer.border_width[0]
    assert clicks.seconds > 0


def undo_and_redo_reach_the_files(dock: Any, hands: Hands, project: Project) -> None:
    for col in (30, 60, 90):
        hands.click(50, col)
    hands.drag((50, 60), (100, 60))
    hands.key(Qt.Key.Key_0)
    hands.click(50, 30)  # on the mark: it becomes background
    after = on_disk(dock, project)
    assert after.class_ids.tolist() == [0, 1, 1]
    assert after.points[1, 0] == pytest.approx(100, abs=0.5)
    control, both = (
        Qt.KeyboardModifier.ControlModifier,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    for _ in range(5):
        hands.key(Qt.Key.Key_Z, control)
    assert len(on_disk(dock, project)) == 0
    hands.key(Qt.Key.Key_Z, control)  # nothing left: no harm
    for _ in range(5):
        hands.key(Qt.Key.Key_Z, both)
    again = on_disk(dock, project)
    np.testing.assert_array_equal(again.points, after.points)
    np.testing.assert_array_equal(again.class_ids, after.class_ids)


def delete_by_key_and_by_click_with_a_modifier(dock: Any, hands: Hands, project: Project) -> None:
    for col in (30, 60, 90, 120):
        hands.click(50, col)
    hands.hover(52, 61)
    hands.key(Qt.Key.Key_X)
    assert on_disk(dock, project).points[:, 1].round().tolist() == [30, 90, 120]
    hands.click(50, 90, Qt.KeyboardModifier.ControlModifier)
    assert on_disk(dock, project).points[:, 1].round().tolist() == [30, 120]
    hands.click(50, 30, Qt.KeyboardModifier.AltModifier)
    assert on_disk(dock, project).points[:, 1].round().tolist() == [120]
    hands.click(90, 30, Qt.KeyboardModifier.ControlModifier)  # nothing there: nothing happens
    hands.hover(50, 119)
    hands.key(Qt.Key.Key_Delete)
    assert len(on_disk(dock, project)) == 0


def dragging_beside_a_mark_moves_the_picture_and_adds_nothing(
    dock: Any, hands: Hands, project: Project
) -> None:
    hands.click(50, 30)
    before = dock.viewer.scene.camera.center
    hands.drag((80, 80), (60, 60))
    assert dock.viewer.scene.camera.center != before
    assert len(on_disk(dock, project)) == 1


def a_click_outside_the_image_is_refused_in_words(
    dock: Any, hands: Hands, project: Project
) -> None:
    hands.click(-4, 30)
    assert len(dock.session.clicks("image_1")) == 0
    assert "outside" in dock.status.text()
    assert dock.status.isVisible()


def clicks_are_pixels_whatever_the_geometry(dock: Any, hands: Hands, project: Project) -> None:
    image = dock.session.image_layer
    image.scale, image.translate, image.rotate = (0.5, 0.25), (100, -40), 20
    image.units = ("um", "um")
    dock.viewer.reset_view()
    settle(0.3)
    hands.click(30, 40)
    hands.click(80, 120)
    np.testing.assert_allclose(on_disk(dock, project).points, [[30, 40], [80, 120]], atol=0.5)
    layer = dock.viewer.layers["Clicks"]
    np.testing.assert_allclose(layer.extent.world, layer.extent.world)
    np.testing.assert_allclose(layer.scale, image.scale)
    assert layer.units == image.units
    hands.key(Qt.Key.Key_D)
    np.testing.assert_allclose(dock.session.image_layer.translate, (100, -40))


def images_and_classes_by_key(dock: Any, hands: Hands, project: Project) -> None:
    hands.click(20, 20)
    hands.key(Qt.Key.Key_D)
    assert dock.session.image_id == "image_2"
    assert dock.viewer.layers[0].name == "image_2"
    assert len(dock.viewer.layers["Clicks"].data) == 0
    hands.click(40, 40)
    hands.key(Qt.Key.Key_A)
    assert dock.session.image_id == "image_1"
    hands.key(Qt.Key.Key_A)  # the first one: stays
    assert dock.session.image_id == "image_1"
    np.testing.assert_allclose(dock.viewer.layers["Clicks"].data, [[20, 20]], atol=0.3)
    assert len(on_disk(dock, project, "image_2")) == 1
    seen = []
    for key in (
        Qt.Key.Key_BracketRight,
        Qt.Key.Key_BracketRight,
        Qt.Key.Key_BracketLeft,
        Qt.Key.Key_9,
    ):
        hands.key(key)
        seen.append(dock.session.current_class)
    assert seen == [2, 0, 2, 2]
    assert "no class 9" in dock.status.text()


def from_many_clicks_to_few_and_back_in_their_colours(
    dock: Any, hands: Hands, project: Project
) -> None:
    rng = np.random.default_rng(0)
    for image_id, count in (("image_1", 40), ("image_2", 3), ("image_3", 12)):
        class_ids = rng.integers(0, 3, count)
        project.write_clicks(image_id, ClickSet(120, 160, rng.random((count, 2)) * 100, class_ids))
    dock.open_project(project.path)
    for key in (Qt.Key.Key_D, Qt.Key.Key_D, Qt.Key.Key_A, Qt.Key.Key_A):
        hands.key(key)
        layer, clicks = dock.viewer.layers["Clicks"], dock.session.clicks(dock.session.image_id)
        np.testing.assert_array_equal(layer.data, clicks.points)
        expected = screen_palette(project.classes)[clicks.class_ids] / 255
        seen = clicks.class_ids > 0
        np.testing.assert_allclose(layer.face_color[seen, :3], expected[seen], atol=0.01)


def napari_own_keys_on_other_layers_stay(dock: Any, hands: Hands, project: Project) -> None:
    other = dock.viewer.add_points(np.array([[10.0, 10.0]]), name="other")
    dock.viewer.layers.selection.active = other
    other.mode = "pan_zoom"
    hands.key(Qt.Key.Key_2)
    assert other.mode == "add"
    hands.key(Qt.Key.Key_3)
    assert other.mode == "select"
    assert dock.session.current_class == 1
    dock.viewer.layers.remove(other)


def reopening_restores_everything_in_place(dock: Any, hands: Hands, project: Project) -> None:
    hands.click(30, 40)
    hands.key(Qt.Key.Key_2)
    hands.click(60, 100)
    dock.session.close_project()
    assert [layer.name for layer in dock.viewer.layers] == []
    assert dock.pages.currentWidget() is dock.empty
    dock.open_project(project.path)
    settle(0.3)
    layer = dock.viewer.layers["Clicks"]
    np.testing.assert_allclose(layer.data, [[30, 40], [60, 100]], atol=0.3)
    assert layer.features["class_id"].tolist() == [1, 2]
    np.testing.assert_allclose(
        layer.face_color[1, :3], screen_palette(project.classes)[2] / 255, atol=0.01
    )


def images_of_one_and_of_two_channels_take_turns(dock: Any, hands: Hands, project: Project) -> None:
    """An image that adds an axis while only the clicks were shown ended the process."""
    project = make_project(project.path / "mixed", ((60, 80),) * 2)
    for image_id, channels in (("image_1", 1), ("image_2", 2)):
        pixels = np.full((channels, 60, 80), 99, np.uint8)
        project.image_path(image_id).unlink()
        path = project.path / "JPEGImages" / f"{image_id}.tif"
        tifffile.imwrite(path, pixels, photometric="minisblack", metadata={"axes": "CYX"})
    dock.open_project(project.path)
    settle(0.3)
    for key, ndim in ((Qt.Key.Key_D, 3), (Qt.Key.Key_A, 2), (Qt.Key.Key_D, 3)):
        hands.key(key)
        settle(0.3)
        assert dock.viewer.dims.ndim == ndim
    hands.click(30, 40)
    clicks = on_disk(dock, project, "image_2")
    np.testing.assert_allclose(clicks.points, [[30, 40]], atol=0.3)


def test_clicks_by_mouse_reach_the_files(open_window: Callable[[], Any], tmp_path: Path) -> None:
    run_checks(
        open_window,
        tmp_path,
        clicks_land_where_the_mouse_is_in_the_current_class_and_colour,
        undo_and_redo_reach_the_files,
        delete_by_key_and_by_click_with_a_modifier,
        dragging_beside_a_mark_moves_the_picture_and_adds_nothing,
        a_click_outside_the_image_is_refused_in_words,
        clicks_are_pixels_whatever_the_geometry,
    )


def test_images_classes_and_their_clicks_by_key(
    open_window: Callable[[], Any], tmp_path: Path
) -> None:
    run_checks(
        open_window,
        tmp_path,
        images_and_classes_by_key,
        from_many_clicks_to_few_and_back_in_their_colours,
        napari_own_keys_on_other_layers_stay,
        reopening_restores_everything_in_place,
        images_of_one_and_of_two_channels_take_turns,
    )


def test_napari_s_own_ways_in_while_the_dock_is_open(
    open_window: Callable[[], Any], tmp_path: Path
) -> None:
    """Our reader, and the sample; the dock is narrow enough, and nothing imports torch."""
    dock, project = open_window(), make_project(tmp_path)
    assert dock.viewer.open(str(project.path), plugin="seminar-napari") == []
    assert dock.session.project.path == project.path
    assert [layer.name for layer in dock.viewer.layers] == ["image_1", "Clicks"]
    for index in range(dock.tabs.count()):
        dock.tabs.setCurrentIndex(index)
        settle(0.1)
        assert dock.minimumSizeHint().width() <= 400
        assert 320 <= dock.width() <= 400
        for area in dock.tabs.currentWidget().findChildren(QScrollArea):
            if area.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff:
                assert area.widget().minimumSizeHint().width() <= area.viewport().width(), (
                    "nothing is cut off"
                )
    assert "torch" not in sys.modules
    dock.tabs.setCurrentWidget(dock.annotate)
    (added,) = dock.viewer.open_sample("seminar-napari", "sample")
    wait_until(lambda: dock.session.image_layer is added, what="the sample's first image")
    assert [layer.name for layer in dock.viewer.layers if layer.visible] == [
        dock.session.image_id,
        "Clicks",
    ]
    assert len(dock.viewer.layers["Clicks"].data) > 0
