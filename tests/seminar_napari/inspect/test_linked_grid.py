"""The 2 x 2 grid, tested with napari's model alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Points

from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.annotate.annotation import Annotation
from seminar_napari.inspect.linked_grid import LinkedGrid
from seminar_napari.inspect.objects.dividing import Mask
from seminar_napari.inspect.objects.layer import ObjectsLayer
from seminar_napari.inspect.overlays import Overlays
from seminar_napari.session.session import Session


class Window:
    def __init__(self, project: Project, run: RunFolder) -> None:
        self.viewer = ViewerModel()
        self.session = Session()
        self.annotation = Annotation(self.session, self.viewer)
        self.overlays = Overlays(self.viewer, self.session)
        self.grid = LinkedGrid(self.viewer, self.session, self.overlays)
        self.overlays.changed.connect(self.grid.refresh)
        self.session.image_layer_changed.connect(lambda layer: self.grid.refresh())
        self.run = run
        self.session.open_project(project.path)
        self.session.set_run(run)

    def preview(self, image_id: str, *kinds: str) -> None:
        assert self.session.project is not None
        for kind in kinds:
            self.run.write_preview(
                image_id, kind, np.ones((40, 60), dtype=np.uint8), self.session.project.classes
            )
        self.settle()

    def settle(self) -> None:
        self.overlays._everything = True
        for _ in range(3):
            self.overlays.poll()
            assert self.overlays._reader.wait(5)

    def cells(self) -> list[set[str]]:
        """What is seen in each cell, row by row."""
        layers = self.viewer.layers
        found = [content for _, content in self.viewer.canvas.grid.iter_viewboxes(layers)]
        return [
            {layers[index].name for index in content if layers[index].visible} for content in found
        ]


@pytest.fixture
def window(three_fields: Project, followed_run: RunFolder) -> Iterator[Window]:
    window = Window(three_fields, followed_run)
    yield window
    window.grid.leave()
    window.overlays.close()
    window.annotation.close()
    assert window.session.flush()


FOUR = [
    {"a", "Clicks"},
    {"image under student", "student"},
    {"image under teacher", "teacher"},
    {"image under pseudo-label", "pseudo-label"},
]


def test_each_network_lies_over_its_own_copy_of_the_image(window: Window) -> None:
    window.preview("a", "student", "teacher", "pseudo_label", "disagreement")
    window.overlays.choice.toggle("disagreement", True)
    window.grid.enter()
    assert window.viewer.canvas.grid.actual_shape(window.viewer.layers) == (2, 2)
    assert window.cells() == FOUR
    assert window.viewer.layers["image under student"].data is window.session.image_layer.data
    assert isinstance(window.viewer.layers.selection.active, Points)


def test_leaving_puts_everything_back(window: Window) -> None:
    window.preview("a", "student", "teacher", "pseudo_label", "disagreement")
    window.overlays.choice.toggle("disagreement", True)
    own = window.viewer.add_image(np.zeros((5, 5)), name="somebody's own")
    before = [(layer.name, layer.visible) for layer in window.viewer.layers]
    zoom = window.viewer.scene.camera.zoom
    window.grid.enter()
    assert not own.visible and window.viewer.scene.camera.zoom < zoom
    window.grid.leave()
    assert [(layer.name, layer.visible) for layer in window.viewer.layers] == before
    assert not window.viewer.canvas.grid.enabled and window.viewer.canvas.grid.stride == 1
    assert window.viewer.scene.camera.zoom == pytest.approx(zoom)
    assert not any(layer.name_overlay.visible for layer in window.viewer.layers)


def test_in_the_first_stage_the_truth_takes_the_free_cell(window: Window) -> None:
    window.preview("a", "student", "teacher")
    window.grid.enter()
    assert window.cells()[3] == {"image under truth", "truth"}
    window.preview("a", "pseudo_label")  # the second stage has begun
    assert window.cells() == FOUR


def test_without_clicks_the_cells_still_hold_together(window: Window) -> None:
    window.preview("a", "student", "teacher")
    window.viewer.layers.remove("Clicks")
    window.grid.enter()
    assert window.cells()[:2] == [{"a"}, {"image under student", "student"}]


def test_the_next_image_is_shown_in_all_cells(window: Window) -> None:
    window.preview("a", "student", "teacher", "pseudo_label")
    window.preview("b", "student", "teacher", "pseudo_label")
    window.grid.enter()
    copies = [
        window.viewer.layers[f"image under {name}"]
        for name in ("student", "teacher", "pseudo-label")
    ]
    window.session.show_image("b")
    window.settle()
    assert window.grid.on and window.cells() == [{"b", "Clicks"}, *FOUR[1:]]
    assert [window.viewer.layers[copy.name] for copy in copies] == copies
    assert all(copy.data is window.session.image_layer.data for copy in copies)


def test_layers_that_come_while_the_grid_is_on_lie_behind_the_pairs(window: Window) -> None:
    window.preview("a", "student", "teacher", "pseudo_label")
    window.grid.enter()
    opened = window.viewer.add_image(np.zeros((40, 60)), name="opened by hand")
    assert window.cells()[:5] == [*FOUR, {"opened by hand"}]
    assert window.viewer.layers.selection.active is opened
    instances = ObjectsLayer(window.viewer, window.session)
    student = window.overlays.data("student")
    assert student is not None
    instances.follow(Mask(student, "student", ("", 1)))
    instances.switch(True)
    assert instances._worker.wait(10)
    instances.poll()
    assert window.cells()[:4] == FOUR and set.union(*window.cells()[4:]) == {
        "opened by hand",
        "instances",
    }
    window.viewer.layers.move(0, len(window.viewer.layers))  # dragged in napari's list
    assert window.cells()[:4] == FOUR
    window.preview("a", "disagreement")  # a fifth overlay is made and stays hidden
    assert window.cells()[:4] == FOUR
    window.overlays._clear("pseudo_label")
    window.run.preview_path("a", "pseudo_label").unlink()
    window.settle()
    assert window.cells()[3] == {"image under truth", "truth"}
    assert set.union(*window.cells()[4:]) == {
        "opened by hand",
        "instances",
    }, "what came stays in sight"
    window.grid.leave()
    names = [layer.name for layer in window.viewer.layers]
    assert (
        names[0] == "a"
        and names[-1] == "Clicks"
        and not any(name.startswith("image under") for name in names)
    )
    instances.close()


def test_the_cells_hold_together_when_clicks_go_and_come_back(window: Window) -> None:
    window.preview("a", "student", "teacher", "pseudo_label")
    window.grid.enter()
    window.viewer.layers.remove("Clicks")
    assert window.cells() == [{"a"}, *FOUR[1:]]
    window.session.show_image("a")
    assert window.cells() == FOUR
    assert not any("nothing" in layer.name for layer in window.viewer.layers)
    window.viewer.add_image(np.zeros((40, 60)), name="opened by hand", visible=False)
    window.viewer.layers.remove("image under student")
    assert window.cells()[2:] == FOUR[2:]
    window.grid.leave()
    assert [layer.name for layer in window.viewer.layers if layer.visible] == [
        "a",
        "student",
        "Clicks",
    ]
    assert window.viewer.layers[-1].name == "Clicks"
    window.grid.enter()
    window.viewer.layers.clear()
    assert not window.viewer.layers and not window.grid.on


def test_asked_for_before_there_is_anything_it_comes_by_itself(
    three_fields: Project, window: Window
) -> None:
    for image_id in ("a", "b", "c"):
        three_fields.truth_path(image_id).unlink()
    window.session.show_image("b")
    window.settle()
    window.grid.enter()
    assert not window.grid.on
    window.preview("b", "student")
    assert window.grid.on and window.cells()[:2] == [{"b", "Clicks"}, FOUR[1]]


def test_somebodys_own_grid_and_nobodys_ear_are_left_behind(window: Window) -> None:
    grid, events = window.viewer.canvas.grid, window.viewer.layers.events
    grid.stride, grid.spacing = 3, 0.25
    window.preview("a", "student", "teacher")
    heard = [
        len(emitter.callbacks) for emitter in (events.inserted, events.removed, events.reordered)
    ]
    window.grid.enter()
    assert (grid.stride, grid.spacing) != (3, 0.25)
    window.grid.leave()
    assert (grid.stride, grid.spacing, grid.enabled) == (3, 0.25, False)
    assert [
        len(emitter.callbacks) for emitter in (events.inserted, events.removed, events.reordered)
    ] == heard


def test_the_copies_take_limits_and_place_of_the_image(window: Window) -> None:
    window.preview("a", "student", "teacher")
    window.grid.enter()
    image, copy = window.session.image_layer, window.viewer.layers["image under student"]
    image.contrast_limits, image.scale = (20, 90), (2, 3)
    window.grid.refresh()
    assert tuple(copy.contrast_limits) == (20, 90) and copy.scale.tolist() == [2, 3]
