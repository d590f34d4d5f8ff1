"""Clicks of other programs become clicks of the project."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.clicks.readers.human_click import HumanClick
from seminar.clicks.readers.whats_the_point import read_human_clicks
from seminar.errors import DatasetError
from seminar.io.label_png import read_label_png
from seminar.labels import ClassNames
from seminar.project.import_clicks import (
    ImportStatistics,
    import_into_project,
    import_statistics,
)
from seminar.project.layout import read_split
from seminar.project.new_clicks import NewClicks
from seminar.project.project import Project


def last(states: Iterator[NewClicks]) -> NewClicks:
    return deque(states, maxlen=1)[0]


def human(x: float, y: float, class_id: int) -> HumanClick:
    """At x, y from the upper left corner of the image."""
    return HumanClick(y - 0.5, x - 0.5, class_id)


def test_clicks_of_others_become_coordinates_and_those_outside_are_dropped(
    unclicked: Project,
) -> None:
    clicks = {
        "a": [human(0, 0, 1), human(29.9, 19.9, 0), human(30, 5, 1), human(7.25, 3.5, 2)],
        "b": [human(99, 99, 0)],
        "elsewhere": [human(1, 1, 1)],
    }
    done = last(import_into_project(unclicked, clicks))
    assert done == NewClicks(1, Counter({0: 1, 1: 1, 2: 1}), 1)
    assert unclicked.read_clicks("a") == ClickSet(
        20, 30, [(-0.5, -0.5), (19.4, 29.4), (3, 6.75)], [1, 0, 2]
    )
    mask = read_label_png(unclicked.sparse_mask_path("a"))
    assert {(row, col): mask[row, col] for row, col in np.argwhere(mask != 255).tolist()} == {
        (0, 0): 1,
        (19, 29): 0,
        (3, 7): 2,
    }


def test_statistics_count_by_image_size_where_the_image_is_here(project: Project) -> None:
    clicks = {
        "a": [human(31, 1, 1), human(1, 1, 0)],
        "elsewhere": [human(31, 1, 1), human(500, 1, 0), human(499.9, 1, 2)],
    }
    assert import_statistics(project, clicks) == ImportStatistics(2, 2, 3, 2, 1, 1)
    assert import_statistics(project, clicks, ["a", "elsewhere", "third"]).listed == 3


def test_classes_that_the_project_lacks_are_said(unclicked: Project) -> None:
    with pytest.raises(
        DatasetError,
        match=r"classes\.txt: 3 classes, but the clicks name class 20; write all 21 or more names",
    ):
        last(import_into_project(unclicked, {"a": [human(1, 1, 20)]}))
    assert unclicked.clicks_stamps() == {}


def test_imported_clicks_do_not_replace_others_unasked(project: Project) -> None:
    clicks = {"b": [human(1, 1, 1)]}
    with pytest.raises(DatasetError, match="1 images have other clicks already"):
        last(import_into_project(project, clicks))
    last(import_into_project(project, clicks, overwrite=True))
    last(import_into_project(project, clicks))
    assert project.read_clicks("b") == ClickSet(20, 30, [(0.5, 0.5)], [1])


def test_the_published_clicks_on_train_aug(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "voc2012_points"
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "x.png")
    project = Project.create(
        tmp_path / "p",
        [tmp_path / "x.png"],
        ClassNames.of("background", *(f"class {number}" for number in range(1, 21))),
    )
    listed = [image_id for _, image_id in read_split(folder / "pascal_2012_trainaug_ids.txt") or ()]
    clicks = read_human_clicks(
        [folder / "voc_whats_the_point.json", folder / "voc_whats_the_point_bg_from_scribbles.json"]
    )
    clicks = {image_id: clicks[image_id] for image_id in listed}
    assert import_statistics(project, clicks, listed) == ImportStatistics(
        listed=10_582,
        images=10_582,
        foreground=29_070,
        background=28_784,
        foreground_outside=18,
        background_outside=43,
    )
