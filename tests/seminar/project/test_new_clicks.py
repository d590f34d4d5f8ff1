"""Clicks for many images at once."""

from __future__ import annotations

import shutil
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.clicks.readers.whats_the_point import HumanClick, read_human_clicks
from seminar.errors import DatasetError
from seminar.io.label_png import read_label_png, write_label_png
from seminar.labels import ClassNames
from seminar.project.layout import read_split
from seminar.project.new_clicks import (
    ImportStatistics,
    NewClicks,
    import_into_project,
    import_statistics,
    simulate_for_project,
)
from seminar.project.project import Project
from seminar.project.splits import training_ids


def last(states: Iterator[NewClicks]) -> NewClicks:
    return deque(states, maxlen=1)[0]


@pytest.fixture
def unclicked(project: Project) -> Project:
    shutil.rmtree(project.path / "Clicks")
    shutil.rmtree(project.path / "SegmentationClick")
    return project


def content(project: Project, *folders: str) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in (project.path / folder).glob("*")
    }


# --- simulated


def test_every_image_gets_clicks_and_the_truth_is_not_touched(unclicked: Project) -> None:
    truth = content(unclicked, "SegmentationClass", "JPEGImages")
    done = last(simulate_for_project(unclicked))
    assert done == NewClicks(3, Counter({0: 6, 1: 3, 2: 3}), 0)
    assert content(unclicked, "SegmentationClass", "JPEGImages") == truth
    for image_id in "abc":
        clicks = unclicked.read_clicks(image_id)
        labels = unclicked.read_truth(image_id)
        assert clicks is not None
        assert labels is not None
        mask = read_label_png(unclicked.sparse_mask_path(image_id))
        assert (mask == clicks.rasterize()).all()
        assert (labels[mask != 255] == mask[mask != 255]).all()


def test_clicks_depend_on_seed_and_image_alone(unclicked: Project, tmp_path: Path) -> None:
    other = Project.open(shutil.copytree(unclicked.path, tmp_path / "copy"))
    last(simulate_for_project(unclicked, limit=1, seed=5))
    assert set(unclicked.clicks_stamps()) == {"a"}
    last(simulate_for_project(unclicked, seed=5))
    last(simulate_for_project(other, seed=5))
    assert [unclicked.read_clicks(image_id) for image_id in "abc"] == [
        other.read_clicks(image_id) for image_id in "abc"
    ]
    assert unclicked.read_clicks("a") != unclicked.read_clicks("b")  # the same truth


def test_clicks_of_a_person_are_not_replaced_unasked(project: Project) -> None:
    before = content(project, "Clicks", "SegmentationClick")
    with pytest.raises(
        DatasetError,
        match=r"2 images have other clicks already \(first a\); add --overwrite to replace them",
    ):
        last(simulate_for_project(project))
    assert content(project, "Clicks", "SegmentationClick") == before
    last(simulate_for_project(project, overwrite=True))
    last(simulate_for_project(project))  # the same once more is no loss
    assert (project.read_clicks("a") or ClickSet(1, 1)).seconds == 0


def test_the_split_and_its_order_count(unclicked: Project) -> None:
    folder = unclicked.path / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text("c\na\n")
    assert training_ids(unclicked, "train", 1) == ("c",)
    last(simulate_for_project(unclicked, limit=1))
    assert set(unclicked.clicks_stamps()) == {"c"}
    with pytest.raises(
        DatasetError, match=r"no split 'val' in ImageSets/Segmentation; write val\.txt"
    ):
        last(simulate_for_project(unclicked, split="val"))


def test_without_train_all_images_are_meant(unclicked: Project) -> None:
    assert training_ids(unclicked, "train") == ("a", "b", "c")


def test_images_without_truth_are_skipped_and_counted(unclicked: Project) -> None:
    unclicked.truth_path("b").unlink()
    assert last(simulate_for_project(unclicked)).skipped == 1
    assert set(unclicked.clicks_stamps()) == {"a", "c"}
    shutil.rmtree(unclicked.path / "SegmentationClass")
    with pytest.raises(
        DatasetError, match="SegmentationClass: no dense truth for any of the 3 images"
    ):
        last(simulate_for_project(unclicked))


def test_faulty_truth_stops_before_the_first_click_is_written(unclicked: Project) -> None:
    write_label_png(unclicked.truth_path("b"), np.zeros((5, 5)), unclicked.classes)
    write_label_png(unclicked.truth_path("c"), np.full((20, 30), 9), unclicked.classes)
    with pytest.raises(DatasetError) as caught:
        last(simulate_for_project(unclicked))
    assert len(caught.value.faults) == 2
    assert unclicked.clicks_stamps() == {}


def test_real_nuclei(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "dsb2018_fluo"
    project = Project(tmp_path / "p", ClassNames.of("background", "nucleus"))
    project.path.mkdir()
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets"):
        (project.path / folder).symlink_to(source / folder, target_is_directory=True)
    done = last(simulate_for_project(project, limit=5))
    assert done.images == 5
    assert done.per_class[0] == done.per_class[1]
    for image_id in training_ids(project, "train", 5):
        objects, clicks = project.read_objects(image_id), project.read_clicks(image_id)
        assert objects is not None
        assert clicks is not None
        rows, cols = clicks.points[clicks.class_ids == 1].astype(int).T
        hit = objects[rows, cols]
        assert (hit > 0).all()
        assert len(set(hit.tolist())) == len(hit) >= 0.9 * len(np.unique(objects[objects > 0]))


# --- imported


def human(x: float, y: float, class_id: int) -> HumanClick:
    return HumanClick(x, y, class_id, None)


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
