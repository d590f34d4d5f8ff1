"""Settings that fit the images: what is chosen, from what, and what is left alone."""

from __future__ import annotations

import dataclasses

import pytest

from seminar.config.fit import Scene, fitted, told
from seminar.config.settings import preset

NUCLEI = Scene(
    images=20, clicks=1600, classes=2, height=256, width=320, spacing=15, by_height=0.0004
)
STREETS = Scene(images=40, clicks=900, classes=10, height=550, width=825, spacing=56, by_height=0.3)


def test_two_classes_without_an_up_keep_the_preset() -> None:
    start = preset("balanced")
    assert fitted(start, NUCLEI) == start
    assert told(start, fitted(start, NUCLEI), NUCLEI) == ""


def test_photographs_get_large_crops_and_no_rotations() -> None:
    start = preset("quick")
    chosen = fitted(start, STREETS)
    assert (chosen.crop_size, chosen.rotations) == (320, False)
    assert chosen.iterations == start.iterations
    line = told(start, chosen, STREETS)
    assert line.startswith("fitted to 40 images of 825 x 550 px with 10 classes: crops of 320 px")
    for option in ("--crop-size", "--rotations"):
        assert option in line


def test_what_was_given_is_kept() -> None:
    start = preset("balanced").replace(crop_size=96)
    chosen = fitted(start, STREETS, keep=("crop_size", "rotations"))
    assert chosen == start
    assert told(start, chosen, STREETS) == ""


@pytest.mark.parametrize(
    "settings", [preset("paper"), preset("balanced").replace(start="random", backbone="resnet50")]
)
def test_runs_that_repeat_the_paper_are_not_fitted(settings: object) -> None:
    assert fitted(settings, STREETS) == settings  # type: ignore[arg-type]


def test_crops_are_no_larger_than_the_images_nor_smaller_than_the_presets() -> None:
    small = dataclasses.replace(STREETS, height=240, width=1000)
    assert fitted(preset("balanced"), small).crop_size == 224
    tiny = dataclasses.replace(STREETS, height=100, width=100)
    assert fitted(preset("balanced"), tiny).crop_size == preset("balanced").crop_size


def test_without_clicks_nothing_is_fitted() -> None:
    start = preset("balanced")
    assert fitted(start, None) == start
    assert told(start, start, None) == ""


@pytest.mark.parametrize(
    ("clicks", "classes", "by_height", "has_up"),
    [
        (7404, 2, 0.0008, False),  # histology
        (2548, 21, 0.051, True),  # VOC, human clicks
        (14435, 11, 0.494, True),  # streets
        (20, 3, 0.2, False),  # few clicks prove nothing
    ],
)
def test_images_have_an_up_where_classes_have_their_heights(
    clicks: int, classes: int, by_height: float, has_up: bool
) -> None:
    scene = dataclasses.replace(STREETS, clicks=clicks, classes=classes, by_height=by_height)
    assert scene.has_up == has_up
