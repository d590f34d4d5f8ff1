"""What clicks say of the images: sizes, distances, and whether classes have their heights."""

from __future__ import annotations

import numpy as np
import pytest

from seminar.clicks.click_set import ClickSet
from seminar.project.project import Project
from seminar.project.scene import scene_of, scene_of_project


def clicks(points: list[tuple[float, float]], class_ids: list[int], side: int = 100) -> ClickSet:
    return ClickSet(side, 2 * side, np.array(points), np.array(class_ids))


def test_sizes_counts_and_the_distance_to_the_next_click() -> None:
    scene = scene_of(
        [
            clicks([(10, 10), (10, 40)], [0, 1]),
            clicks([(50, 50), (50, 80), (500, 0)], [0, 2, 1]),
            clicks([], []),
        ]
    )
    assert scene is not None
    assert (scene.images, scene.clicks, scene.classes) == (2, 4, 3)  # one click lies outside
    assert (scene.height, scene.width, scene.spacing) == (100, 200, 30)


def test_heights_are_explained_by_classes_or_not() -> None:
    rng = np.random.default_rng(0)
    class_ids = rng.integers(0, 3, 300)
    anywhere = rng.uniform(0, 99, (300, 2))
    layered = anywhere / [3, 1] + np.stack([33 * class_ids, 0 * class_ids], axis=1)
    without, with_up = (
        scene_of([ClickSet(100, 100, points, class_ids)]) for points in (anywhere, layered)
    )
    assert without is not None and with_up is not None
    assert without.by_height < 0.03 and not without.has_up
    assert with_up.by_height == pytest.approx(8 / 9, abs=0.03) and with_up.has_up


def test_one_height_and_one_click_explain_nothing() -> None:
    scene = scene_of([clicks([(5, 5)], [1])])
    assert scene is not None
    assert (scene.spacing, scene.by_height, scene.has_up) == (0, 0, False)


def test_a_project_without_clicks_has_no_scene(tiny_project: Project) -> None:
    assert scene_of_project(tiny_project, "train") is not None
    for image_id in tiny_project.image_ids():
        tiny_project.write_clicks(image_id, ClickSet(*tiny_project.image_size(image_id)))
    assert scene_of_project(tiny_project, "train") is None
