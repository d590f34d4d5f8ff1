"""Going to the next click."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from PIL import Image as PillowImage

from seminar.clicks.click_set import ClickSet
from seminar.project.layout import UNSURE, preview_path
from seminar.project.project import Project
from seminar.run.events import StageStarted
from seminar.run.folder import RunFolder
from seminar_napari.inspect.next_click.finder import NextClickFinder
from seminar_napari.inspect.next_click.walk import SHOWN_PIXELS, NextClickWalk, disagreeing
from seminar_napari.session.session import Session


class Window:
    def __init__(self, project: Project) -> None:
        self.viewer = ViewerModel()
        self.session = Session()
        self.session.open_project(project.path)
        self.session.image_layer = self.viewer.add_image(
            np.zeros((40, 60)), scale=(2, 3), translate=(100, 7)
        )
        self.walk = NextClickWalk(self.viewer, self.session)
        self.said: list[str] = []
        self.walk.said.connect(self.said.append)

    def go(self) -> None:
        self.walk.go()
        assert self.walk._search.wait(10)
        self.walk.poll()


@pytest.fixture
def window(three_fields: Project) -> Iterator[Window]:
    window = Window(three_fields)
    yield window
    window.walk.close()


def test_the_place_is_shown_centred_and_zoomed(
    window: Window, three_fields: Project, followed_run: RunFolder
) -> None:
    values = np.zeros((40, 60), dtype=np.uint8)
    values[5:12, 45:52] = 255
    followed_run.write_preview("b", "disagreement", values, three_fields.classes)
    window.session.set_run(followed_run)
    window.session.receive(StageStarted(stage="primary", iteration=0, iterations=9))
    window.viewer.scene.camera.zoom = 0.5
    window.go()
    assert window.session.image_id == "b"
    camera = window.viewer.scene.camera
    assert camera.center[-2:] == pytest.approx((100 + 2 * 8, 7 + 3 * 48))
    assert camera.zoom * 2 * SHOWN_PIXELS == pytest.approx(min(window.viewer.canvas.size), rel=0.01)
    assert window.said[-1] == "b: stage 1 and 2 disagree on 49 px"
    camera.zoom = 50.0  # nearer than needed: the person's zoom stays
    window.go()
    assert camera.zoom == 50.0


def test_without_run_and_live_mask_it_says_what_to_do(window: Window) -> None:
    window.walk.go()
    assert "Click on two classes first" in window.said[-1] and "or train" in window.said[-1]


def test_the_live_mask_s_unsure_place_is_ringed_until_the_click_comes(
    window: Window, three_fields: Project
) -> None:
    clicks = window.viewer.add_points(np.zeros((0, 2)), name="Clicks")
    window.viewer.layers.selection.active = clicks
    window.session.set_live_mask(True)
    window.go()
    assert window.said[-1] == "No mask yet: it comes within seconds, then ask again."
    write_unsure(three_fields, "b", slice(5, 12), slice(45, 52))
    window.go()
    assert window.said[-1] == "b: unsure on 49 px" and window.session.image_id == "b"
    layers = window.viewer.layers
    assert [layer.name for layer in layers] == ["Image", "next click", "Clicks"]
    ring = layers["next click"]
    image = window.session.image_layer
    assert np.allclose(ring.data_to_world((8, 48)), image.data_to_world((8, 48)))
    assert np.array_equal(ring.data, [[8, 48]] * 2) and not ring.editable
    assert layers.selection.active is clicks and layers.selection == {clicks}
    window.session.set_clicks("b", ClickSet(40, 60, np.array([[8.0, 48.0]]), np.array([1])))
    assert "next click" not in layers and layers.selection.active is clicks
    assert window.session.flush()
    window.go()
    assert window.said[-1] == "No place left where the live mask is unsure and no click is near."


def test_the_ring_goes_with_another_image_the_next_search_or_the_dock(
    window: Window, three_fields: Project
) -> None:
    write_unsure(three_fields, "b", slice(5, 12), slice(45, 52))
    window.session.set_live_mask(True)
    layers = window.viewer.layers
    window.go()
    assert "next click" in layers
    window.session.show_image("c")
    assert "next click" not in layers
    window.go()
    window.session.set_clicks("a", window.session.clicks("a"))
    assert "next click" in layers, "a click in another image is not the one that was asked for"
    window.walk.go()
    assert "next click" not in layers
    assert window.walk._search.wait(10)
    window.walk.poll()
    layers.remove("next click")  # by hand
    window.go()
    window.walk.close()
    assert "next click" not in layers


def test_in_the_grid_there_is_no_ring_as_it_would_be_a_cell(
    window: Window, three_fields: Project
) -> None:
    write_unsure(three_fields, "b", slice(5, 12), slice(45, 52))
    window.session.set_live_mask(True)
    window.viewer.canvas.grid.enabled = True
    window.go()
    assert window.session.image_id == "b" and "next click" not in window.viewer.layers


def write_unsure(project: Project, image_id: str, rows: slice, cols: slice) -> None:
    values = np.zeros((40, 60), dtype=np.uint8)
    values[rows, cols] = 255
    path = preview_path(project.path, image_id, UNSURE)
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(values).save(path)


def test_where_nothing_disagrees_it_says_so_and_stays(
    window: Window, followed_run: RunFolder
) -> None:
    window.session.set_run(followed_run)
    window.go()
    assert window.said[-1].startswith("No place left") and window.session.image_id == "a"


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("ancillary", "student and teacher"),
        ("primary", "stage 1 and 2"),
        ("primary-2", "stage 2 and 3"),
        ("", "student and teacher"),
    ],
)
def test_who_disagrees(stage: str, words: str) -> None:
    assert disagreeing(stage) == words


def write_disagreement(
    project: Project, run: RunFolder, image_id: str, rows: slice, cols: slice
) -> None:
    values = np.zeros((40, 60), dtype=np.uint8)
    values[rows, cols] = 255
    run.write_preview(image_id, "disagreement", values, project.classes)


def test_images_held_out_of_training_are_not_gone_to(
    window: Window, three_fields: Project, followed_run: RunFolder
) -> None:
    write_disagreement(three_fields, followed_run, "b", slice(5, 17), slice(5, 17))
    write_disagreement(three_fields, followed_run, "c", slice(5, 12), slice(5, 12))
    window.session.image_states.hold_out(frozenset({"b"}))
    window.session.set_run(followed_run)
    window.go()
    assert window.session.image_id == "c"


def test_another_run_has_places_and_a_stage_of_its_own(
    window: Window, three_fields: Project, followed_run: RunFolder
) -> None:
    write_disagreement(three_fields, followed_run, "b", slice(5, 12), slice(5, 12))
    second = RunFolder.of(three_fields.path, "second")
    write_disagreement(three_fields, second, "c", slice(5, 14), slice(5, 14))
    window.session.set_run(followed_run)
    window.session.receive(StageStarted(stage="primary", iteration=0, iterations=9))
    window.go()
    assert window.said[-1] == "b: stage 1 and 2 disagree on 49 px"
    window.session.set_run(second)
    window.go()
    assert (
        window.said[-1] == "c: student and teacher disagree on 81 px"
        and window.session.image_id == "c"
    )


def test_a_place_that_is_found_late_in_another_run_is_not_gone_to(
    window: Window, three_fields: Project, followed_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_disagreement(three_fields, followed_run, "b", slice(5, 12), slice(5, 12))
    through, find = threading.Event(), NextClickFinder.find

    def late(self: NextClickFinder, *arguments: Any) -> Any:
        found = find(self, *arguments)
        assert through.wait(10)
        return found

    monkeypatch.setattr(NextClickFinder, "find", late)
    window.session.set_run(followed_run)
    window.walk.go()
    searching = window.walk._search
    window.session.set_run(RunFolder.of(three_fields.path, "second"))
    through.set()
    assert searching.wait(10)
    window.walk.poll()
    assert window.session.image_id == "a" and window.said[-1] == ""
    window.go()
    assert window.said[-1].startswith("No place left"), "and the new run can be asked at once"


def test_an_image_of_many_planes_is_centred_on_row_and_column(window: Window) -> None:
    window.session.image_layer = window.viewer.add_image(
        np.zeros((4, 40, 60)), rgb=False, scale=(7, 2, 3), translate=(1000, 100, 50)
    )
    window.walk.centre(8, 48)
    assert window.viewer.scene.camera.center[-2:] == pytest.approx((100 + 2 * 8, 50 + 3 * 48))


def test_nothing_listens_after_closing() -> None:
    session = Session()
    signals = [
        getattr(session, name)
        for name in ("run_changed", "event_received", "project_changed", "image_changed")
    ]
    before = [len(signal) for signal in signals]
    walk = NextClickWalk(ViewerModel(), session)
    assert [len(signal) for signal in signals] == [number + 1 for number in before]
    walk.close()
    assert [len(signal) for signal in signals] == before
