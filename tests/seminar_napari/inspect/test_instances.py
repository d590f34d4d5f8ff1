"""Instances as a layer and as a file."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from PIL import Image as PillowImage

from seminar.clicks.click_set import ClickSet
from seminar.project.project import Project
from seminar_napari.annotate.annotation import Annotation
from seminar_napari.inspect import instances as instances_module
from seminar_napari.inspect.instances import InstancesLayer, instances_path
from seminar_napari.session.session import Session


class Window:
    def __init__(self, project: Project) -> None:
        self.viewer = ViewerModel()
        self.session = Session()
        self.session.open_project(project.path)
        self.session.image_layer = self.viewer.add_image(
            np.zeros((40, 60)), scale=(2, 3), name="image"
        )
        self.viewer.add_points(np.zeros((0, 2)), name="Clicks")
        self.instances = InstancesLayer(self.viewer, self.session)
        self.said: list[str] = []
        self.instances.said.connect(self.said.append)

    def settle(self) -> None:
        assert self.instances._worker.wait(10)
        self.instances.poll()


@pytest.fixture
def window(three_fields: Project) -> Iterator[Window]:
    window = Window(three_fields)
    yield window
    window.instances.close()


def two_touching() -> np.ndarray:
    """Two discs of class 1 that touch."""
    rows, cols = np.mgrid[:40, :60]
    return (np.minimum(np.hypot(rows - 20, cols - 15), np.hypot(rows - 20, cols - 31)) < 9).astype(
        np.uint8
    )


def test_clicks_divide_the_mask_and_the_tif_has_16_bits(
    window: Window, three_fields: Project
) -> None:
    clicks = ClickSet(
        40, 60, np.array([[20.0, 15.0], [20.0, 31.0], [2.0, 2.0]]), np.array([1, 1, 0])
    )
    window.session.set_clicks("a", clicks)
    window.instances.make(two_touching())
    window.settle()
    layer = window.instances.layer
    assert layer is not None and [item.name for item in window.viewer.layers] == [
        "image",
        "instances",
        "Clicks",
    ]
    assert layer.data[20, 15] != layer.data[20, 31] and layer.data.max() == 2
    assert np.allclose(layer.scale, (2, 3))
    saved = tifffile.imread(instances_path(three_fields, "a"))
    assert saved.dtype == np.uint16 and np.array_equal(saved, layer.data)
    assert window.said[-1] == "2 objects from clicks; saved as instances/a.tif"


def test_without_object_clicks_the_shape_divides(window: Window) -> None:
    window.session.show_image("b")
    window.session.set_clicks("b", ClickSet(40, 60, np.array([[2.0, 2.0]]), np.array([0])))
    window.instances.make(two_touching())
    window.settle()
    assert window.instances.layer is not None and window.instances.layer.data.max() == 2
    assert window.said[-1].startswith("2 objects by shape")


def test_another_image_shows_its_own_saved_instances_or_none_in_the_same_layer(
    window: Window,
) -> None:
    window.instances.make(two_touching())
    window.settle()
    layer, first = window.instances.layer, window.instances.layer.data.copy()  # type: ignore[union-attr]
    window.session.show_image("b")
    window.settle()
    assert layer is window.instances.layer and not layer.data.any()  # type: ignore[union-attr]
    window.session.show_image("a")
    window.settle()
    assert np.array_equal(layer.data, first)  # type: ignore[union-attr]


def test_without_a_mask_it_says_what_to_do(window: Window) -> None:
    window.instances.make(None)
    assert "No mask" in window.said[-1] and window.instances.layer is None


def test_what_cannot_be_written_is_said(window: Window, three_fields: Project) -> None:
    (three_fields.path / "instances").write_text("in the way")
    window.instances.make(two_touching())
    window.settle()
    assert "instances" in window.said[-1] and window.instances.layer is None


def test_a_deleted_layer_is_made_again(window: Window) -> None:
    window.instances.make(two_touching())
    window.settle()
    window.viewer.layers.remove("instances")
    window.instances.make(two_touching())
    window.settle()
    assert "instances" in [layer.name for layer in window.viewer.layers]


def test_the_layer_takes_the_size_and_the_place_of_the_shown_image(three_fields: Project) -> None:
    PillowImage.fromarray(np.zeros((8, 9), dtype=np.uint8)).save(
        three_fields.path / "JPEGImages" / "b.png"
    )
    viewer, session = ViewerModel(), Session()
    viewer.canvas.size = (600, 600)
    annotation, instances = Annotation(session, viewer), InstancesLayer(viewer, session)
    session.open_project(three_fields.path)
    session.show_image("b")
    zoom = viewer.scene.camera.zoom
    session.show_image("a")
    instances.make(two_touching())
    assert instances._worker.wait(10)
    instances.poll()
    layer = instances.layer
    assert layer is not None
    session.show_image("b")
    assert layer.data.shape == (8, 9) and viewer.scene.camera.zoom == pytest.approx(zoom)
    session.image_layer.scale = (2, 3)
    assert layer.scale.tolist() == [2, 3]
    instances.close()
    session.image_layer.scale = (4, 5)
    assert layer.scale.tolist() == [2, 3], "nothing listens after closing"
    annotation.close()
    assert session.flush()


@pytest.mark.parametrize("other", ["image", "project"])
def test_objects_that_come_late_are_not_shown_over_another(
    window: Window,
    three_fields: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    other: str,
) -> None:
    session, instances = window.session, window.instances
    instances.make(two_touching())
    window.settle()
    layer = instances.layer
    assert layer is not None and layer.data.any()
    begun, through, real = threading.Event(), threading.Event(), instances_module.make_instances

    def late(*arguments: Any) -> Any:
        begun.set()
        assert through.wait(10)
        return real(*arguments)

    def later(*arguments: Any) -> Any:
        assert looked.wait(10)
        return read(*arguments)

    looked, read = threading.Event(), instances_module.read_instances
    monkeypatch.setattr(instances_module, "make_instances", late)
    monkeypatch.setattr(instances_module, "read_instances", later)
    made = instances._worker
    instances.make(two_touching())
    assert begun.wait(10)
    if other == "image":
        session.show_image("b")
    else:
        session.open_project(
            shutil.copytree(three_fields.path, tmp_path / "other", ignore=lambda *_: ["instances"])
        )
        assert session.image_id == "a"
    through.set()
    deadline = time.monotonic() + 10
    while not made._worker.outcomes and time.monotonic() < deadline:
        time.sleep(0.005)
    assert made._worker.outcomes, (
        "the objects are found, and what the other image has is not read yet"
    )
    instances.poll()
    assert not layer.data.any()
    looked.set()
    assert made.wait(10)
    window.settle()
    assert not layer.data.any()
    assert instances_path(three_fields, "a").exists(), (
        "what was asked for is kept on disk all the same"
    )


def test_the_mask_may_change_while_objects_are_looked_for(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    through, real = threading.Event(), instances_module.make_instances

    def late(*arguments: Any) -> Any:
        assert through.wait(10)
        return real(*arguments)

    monkeypatch.setattr(instances_module, "make_instances", late)
    mask = two_touching()
    window.instances.make(mask)
    mask[...] = 0  # the next preview of the network is put into the same array
    through.set()
    window.settle()
    assert window.instances.layer is not None and window.instances.layer.data.max() >= 1


def test_nothing_listens_after_closing(three_fields: Project) -> None:
    session, viewer = Session(), ViewerModel()
    removed, signals = (
        viewer.layers.events.removed,
        ("project_changed", "image_changed", "image_layer_changed"),
    )
    before = len(removed.callbacks)
    instances = InstancesLayer(viewer, session)
    assert [len(getattr(session, name)) for name in signals] == [1, 1, 1] and len(
        removed.callbacks
    ) == before + 1
    instances.close()
    assert [len(getattr(session, name)) for name in signals] == [0, 0, 0] and len(
        removed.callbacks
    ) == before
