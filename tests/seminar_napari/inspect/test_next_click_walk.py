"""Going to the next click."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from seminar.project.project import Project
from seminar.run.events import StageStarted
from seminar.run.folder import RunFolder
from seminar_napari.inspect.next_click import NextClickFinder
from seminar_napari.inspect.next_click_walk import SHOWN_PIXELS, NextClickWalk, disagreeing
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


def test_without_a_run_it_says_what_to_do(window: Window) -> None:
    window.walk.go()
    assert "Train first" in window.said[-1]


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
    walk = NextClickWalk(ViewerModel(), session)
    assert len(session.run_changed) == len(session.event_received) == 1
    walk.close()
    assert len(session.run_changed) == len(session.event_received) == 0
