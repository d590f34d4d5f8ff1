"""Clicks simulated from the dense truth of a project's images."""

from __future__ import annotations

import shutil
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seminar.clicks.click_set import ClickSet
from seminar.clicks.simulate import ClickStyle
from seminar.errors import DatasetError
from seminar.io.label_png import read_label_png, write_label_png
from seminar.labels import ClassNames
from seminar.project.new_clicks import NewClicks
from seminar.project.project import Project
from seminar.project.simulate_clicks import simulate_for_project
from seminar.project.splits import training_ids


def last(states: Iterator[NewClicks]) -> NewClicks:
    return deque(states, maxlen=1)[0]


def content(project: Project, *folders: str) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in (project.path / folder).glob("*")
    }


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


def test_wrong_clicks_have_any_class_of_the_project(unclicked: Project) -> None:
    """Three classes, the truth of all images has all; four on the background, two on objects."""
    right, found = Counter[int](), Counter[int]()
    for seed in range(8):
        for counts, wrong in ((right, 0.0), (found, 1.0)):
            style = ClickStyle(background=4, wrong=wrong)
            states = simulate_for_project(unclicked, seed=seed, style=style, overwrite=True)
            counts.update(last(states).per_class)
    assert right == {0: 96, 1: 24, 2: 24}
    assert found[0] < 10  # an object's click of another class that is the background
    assert min(found[1], found[2]) > 50


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
