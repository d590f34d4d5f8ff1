"""Going to the next click."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from napari.components import ViewerModel

from seminar.events import StageStarted
from seminar.run_folder import RunFolder
from seminar.voc import Project
from seminar_napari._next_click_walk import SHOWN_PIXELS, NextClickWalk, disagreeing
from seminar_napari._session import Session


class Window:
    def __init__(self, project: Project) -> None:
        self.viewer = ViewerModel()
        self.session = Session()
        self.session.open_project(project.path)
        self.session.image_layer = self.viewer.add_image(np.zeros((40, 60)), scale=(2, 3), translate=(100, 7))
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


def test_the_place_is_shown_centred_and_zoomed(window: Window, three_fields: Project, followed_run: RunFolder) -> None:
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


def test_where_nothing_disagrees_it_says_so_and_stays(window: Window, followed_run: RunFolder) -> None:
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
