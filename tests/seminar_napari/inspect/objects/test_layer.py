"""The layer of objects follows image, mask and clicks."""

from __future__ import annotations

import shutil
import threading
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
from seminar_napari.inspect.objects import layer as layer_module
from seminar_napari.inspect.objects.dividing import Mask, instances_path
from seminar_napari.inspect.objects.layer import ObjectsLayer
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
        self.objects = ObjectsLayer(self.viewer, self.session)
        self.said: list[str] = []
        self.objects.said.connect(self.said.append)

    def settle(self) -> None:
        for _ in range(3):  # an outcome that comes too late asks again
            assert self.objects._worker.wait(10) and self.objects._writer.wait(10)
            self.objects.poll()

    def click(self, *clicks: tuple[float, float, int], image_id: str = "a") -> None:
        places = np.array([click[:2] for click in clicks]).reshape(-1, 2)
        ids = np.array([click[2] for click in clicks], dtype=int)
        self.session.set_clicks(image_id, ClickSet(40, 60, places, ids))

    def data(self) -> Any:
        assert self.objects.layer is not None
        return self.objects.layer.data


@pytest.fixture
def window(three_fields: Project) -> Iterator[Window]:
    window = Window(three_fields)
    yield window
    window.objects.close()
    assert window.session.flush()


def two_touching(version: int = 1, words: str = "live mask") -> Mask:
    """Two discs of class 1 that touch."""
    rows, cols = np.mgrid[:40, :60]
    discs = np.minimum(np.hypot(rows - 20, cols - 15), np.hypot(rows - 20, cols - 31)) < 9
    return Mask(discs.astype(np.uint8), words, ("probe.png", version))


LEFT, RIGHT, NOWHERE = (20.0, 15.0, 1), (20.0, 31.0, 1), (2.0, 2.0, 0)


def test_objects_are_counted_shown_saved_and_named_after_their_mask(
    window: Window, three_fields: Project
) -> None:
    window.click(LEFT, RIGHT, NOWHERE)
    window.objects.follow(two_touching())
    window.settle()
    assert window.objects.layer is None, "nobody has asked for them"
    window.objects.switch(True)
    window.settle()
    assert [item.name for item in window.viewer.layers] == ["image", "instances", "Clicks"]
    assert window.data()[20, 15] != window.data()[20, 31]
    assert np.allclose(window.objects.layer.scale, (2, 3))  # type: ignore[union-attr]
    saved = tifffile.imread(instances_path(three_fields, "a"))
    assert saved.dtype == np.uint16 and np.array_equal(saved, window.data())
    assert window.said[-1].startswith("2 objects from the live mask")
    window.objects.follow(two_touching(2, "student of run-1"))
    window.settle()
    assert window.said[-1].startswith("2 objects from the student of run-1")
    window.objects.switch(False)
    assert not window.objects.layer.visible and window.said[-1] == ""  # type: ignore[union-attr]


def test_a_click_is_answered_before_the_mask_is_divided_and_taken_back_by_undo(
    window: Window, three_fields: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seminar.inference.instances.divide.WAIST_BY_A_CLICK", 0.1)
    window.click(LEFT)
    window.objects.follow(two_touching())
    window.objects.switch(True)
    window.settle()
    one = window.data().copy()
    assert one[20, 15] == one[20, 31] > 0
    monkeypatch.setattr(layer_module, "make_objects", lambda *_: pytest.fail("not the whole mask"))
    window.click(LEFT, RIGHT)
    assert window.data()[20, 15] != window.data()[20, 31], "at once"
    window.settle()
    saved = tifffile.imread(instances_path(three_fields, "a"))
    assert np.array_equal(saved, window.data())
    window.click(LEFT)
    assert np.array_equal(window.data(), one)
    window.settle()
    assert np.array_equal(tifffile.imread(instances_path(three_fields, "a")), one)


def test_another_image_shows_its_own_saved_objects_until_its_mask_is_there(
    window: Window,
) -> None:
    window.click(LEFT, RIGHT)
    window.objects.follow(two_touching())
    window.objects.switch(True)
    window.settle()
    layer, first = window.objects.layer, window.data().copy()
    window.session.show_image("b")
    window.settle()
    assert layer is window.objects.layer and not window.data().any()
    window.objects.follow(None)
    assert "No mask" in window.said[-1]
    window.objects.follow(two_touching(5))
    window.settle()
    assert window.data().any() and "by shape" in window.said[-1]
    window.session.show_image("a")
    window.settle()
    assert np.array_equal(window.data(), first) and "as saved" in window.said[-1]
    window.click(LEFT, RIGHT, (3.0, 50.0, 0))
    window.settle()
    assert np.array_equal(window.data(), first), "there is no mask to divide yet"


def test_without_a_mask_it_says_what_to_do(window: Window) -> None:
    window.objects.switch(True)
    assert "No mask" in window.said[-1] and window.objects.layer is None


def test_what_cannot_be_written_is_said(window: Window, three_fields: Project) -> None:
    (three_fields.path / "instances").write_text("in the way")
    window.objects.follow(two_touching())
    window.objects.switch(True)
    window.settle()
    assert "instances" in window.said[-1] and window.objects.layer is None


def test_a_deleted_layer_is_made_again(window: Window) -> None:
    window.objects.follow(two_touching())
    window.objects.switch(True)
    window.settle()
    window.viewer.layers.remove("instances")
    assert window.objects.shown is None
    window.objects.switch(True)
    window.settle()
    assert "instances" in [layer.name for layer in window.viewer.layers]


def test_the_layer_takes_the_size_and_the_place_of_the_shown_image(three_fields: Project) -> None:
    PillowImage.fromarray(np.zeros((8, 9), dtype=np.uint8)).save(
        three_fields.path / "JPEGImages" / "b.png"
    )
    viewer, session = ViewerModel(), Session()
    viewer.canvas.size = (600, 600)
    annotation, objects = Annotation(session, viewer), ObjectsLayer(viewer, session)
    session.open_project(three_fields.path)
    session.show_image("b")
    zoom = viewer.scene.camera.zoom
    session.show_image("a")
    objects.follow(two_touching())
    objects.switch(True)
    assert objects._worker.wait(10)
    objects.poll()
    layer = objects.layer
    assert layer is not None
    session.show_image("b")
    assert layer.data.shape == (8, 9) and viewer.scene.camera.zoom == pytest.approx(zoom)
    session.image_layer.scale = (2, 3)
    assert layer.scale.tolist() == [2, 3]
    objects.close()
    session.image_layer.scale = (4, 5)
    assert layer.scale.tolist() == [2, 3], "nothing listens after closing"
    annotation.close()
    assert session.flush()


@pytest.mark.parametrize("other", ["image", "project", "clicks"])
def test_objects_that_come_late_are_not_shown(
    window: Window,
    three_fields: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    other: str,
) -> None:
    session, objects = window.session, window.objects
    begun, through, real = threading.Event(), threading.Event(), layer_module.make_objects

    def late(*arguments: Any) -> Any:
        begun.set()
        assert through.wait(10)
        return real(*arguments)

    monkeypatch.setattr(layer_module, "make_objects", late)
    mask = two_touching()
    window.click(LEFT, RIGHT)
    assert session.flush()
    objects.follow(mask)
    objects.switch(True)
    made = objects._worker
    assert begun.wait(10)
    mask.labels[...] = 0  # the next preview of the network is put into the same array
    if other == "image":
        session.show_image("b")
    elif other == "project":
        session.open_project(
            shutil.copytree(three_fields.path, tmp_path / "other", ignore=lambda *_: ["instances"])
        )
        assert session.image_id == "a"
    else:
        window.click(LEFT)
    through.set()
    assert made.wait(10)
    objects.poll()
    assert objects.layer is None
    assert instances_path(three_fields, "a").exists(), (
        "what was asked for is kept on disk all the same"
    )
    if other == "clicks":
        window.settle()
        assert objects.shown is not None and len(objects.shown.clicks) == 1  # type: ignore[arg-type]


def test_nothing_listens_after_closing(three_fields: Project) -> None:
    session, viewer = Session(), ViewerModel()
    removed = viewer.layers.events.removed
    signals = ("project_changed", "image_changed", "image_layer_changed", "clicks_changed")
    before = len(removed.callbacks)
    objects = ObjectsLayer(viewer, session)
    assert [len(getattr(session, name)) for name in signals] == [1, 1, 1, 1]
    assert len(removed.callbacks) == before + 1
    objects.close()
    assert [len(getattr(session, name)) for name in signals] == [0, 0, 0, 0]
    assert len(removed.callbacks) == before
