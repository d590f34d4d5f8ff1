"""All faults of a project are reported at once, and what only warns."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.check.project import check, inspect_project, validate
from seminar.project.project import Project


def no_images(project: Project) -> None:
    shutil.rmtree(project.path)
    (project.path / "JPEGImages").mkdir(parents=True)


def one_class_only(project: Project) -> None:
    for image_id in "ab":
        project.write_clicks(image_id, ClickSet(20, 30, [(1, 1)], [1]))


def no_clicks(project: Project) -> None:
    for folder in ("Clicks", "SegmentationClick", "SegmentationClass"):
        shutil.rmtree(project.path / folder)


FAULTS: list[tuple[Callable[[Project], None], str]] = [
    (
        no_images,
        (
            "JPEGImages: no image in it; put images there (jpg, png, tif), or make a project with"
            " `seminar new`"
        ),
    ),
    (
        one_class_only,
        (
            "Clicks: no clicks of class 0 'background', 2 'rim', and one class alone teaches"
            " nothing; click on places that show another"
        ),
    ),
    (
        no_clicks,
        (
            "no image of the training set has clicks; click in the window, or see `seminar"
            " simulate-clicks` and `seminar import-clicks`"
        ),
    ),
]


@pytest.mark.parametrize(
    ("break_it", "sentence"), FAULTS, ids=[break_it.__name__ for break_it, _ in FAULTS]
)
def test_a_fault_is_one_sentence(
    expect_one_fault: Callable[[Callable[[Project], None], str], None],
    break_it: Callable[[Project], None],
    sentence: str,
) -> None:
    expect_one_fault(break_it, sentence)


def warnings_of(project: Project) -> tuple[str, ...]:
    findings = inspect_project(project)
    assert findings.faults == ()
    return findings.warnings


def test_a_good_project_has_no_faults(project: Project) -> None:
    findings = inspect_project(project, deep=True)
    assert findings.faults == ()
    assert len(findings.warnings) == 1
    assert findings.warnings[0].startswith(
        "1 image (c) of 3 in the training set: no clicks, so no step trains on them; click in the "
        "window"
    )
    validate(project)


def test_all_faults_at_once(project: Project) -> None:
    one_class_only(project)
    shutil.copy(project.image_path("a"), project.path / "JPEGImages" / "a.tif")
    image = project.image_path("b")
    image.write_bytes(image.read_bytes()[:-100])
    project.clicks_path("b").write_text(ClickSet(20, 30, [(5, 6), (7, 8)], [0, 3]).to_json())
    write_label_png(project.truth_path("b"), np.full((20, 30), 7), project.classes)
    write_label_png(project.objects_path("b"), np.zeros((10, 15)), project.classes)
    folder = project.path / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text("a\nb\nnowhere\n")
    faults = check(project)
    expected = (
        "a.tif have the same",
        "b.png: damaged",
        "click 2: class_id 3",
        "class ids 7",
        "SegmentationObject/b.png",
        "line 3: no image nowhere",
    )
    for part in expected:
        assert [part in fault for fault in faults].count(True) == 1, part
    assert len(faults) == len(expected)


def test_a_class_without_clicks_warns_where_two_others_have_some(project: Project) -> None:
    project.write_clicks("a", ClickSet(20, 30, [(1, 1), (2, 2)], [0, 1]))
    assert (
        "Clicks: no clicks of class 2 'rim', so never predicted; click on places that show it, or"
        " ignore this where no image does" in warnings_of(project)
    )


def test_clicks_of_the_training_split_alone_count(project: Project) -> None:
    folder = project.path / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text("b\n")
    (folder / "val.txt").write_text("a\nc\n")
    warnings = warnings_of(project)
    assert len(warnings) == 1
    assert "no clicks of class 2 'rim'" in warnings[0]


def test_dense_truth_stands_in_for_clicks_but_not_when_clicks_are_needed(project: Project) -> None:
    shutil.rmtree(project.path / "Clicks")
    shutil.rmtree(project.path / "SegmentationClick")
    assert any(
        "no image of the training set has clicks" in warning for warning in warnings_of(project)
    )
    validate(project, needs="truth")
    with pytest.raises(DatasetError, match="no image of the training set has clicks"):
        validate(project, needs="clicks")


def test_truth_is_asked_for_where_it_is_needed(project: Project) -> None:
    project.truth_path("a").unlink()
    findings = inspect_project(project, needs="truth")
    assert findings.faults == ()
    assert findings.warnings[0].startswith(
        "1 image (a) of 3 in the training set: no dense truth in SegmentationClass"
    )
    shutil.rmtree(project.path / "SegmentationClass")
    assert check(project, needs="truth")[0].startswith(
        "no image of the training set has dense truth"
    )


def test_only_what_is_needed_is_looked_at(project: Project) -> None:
    write_label_png(project.truth_path("b"), np.full((20, 30), 7), project.classes)
    validate(project, needs="clicks")
    project.clicks_path("b").write_text("{")
    validate(project, ["a", "c"])
    with pytest.raises(DatasetError, match="class ids 7"):
        validate(project, ["b"], needs="truth")
    with pytest.raises(DatasetError, match="not readable as JSON"):
        validate(project, ["a", "b"], needs="clicks")


def test_images_that_do_not_exist_are_faults(project: Project) -> None:
    faults = check(project, ["a", "zz", "../b"])
    assert len(faults) == 2
    assert "zz: no such image" in faults[0]
    assert "'../b' cannot be an image id" in faults[1]


def test_images_with_other_channels_warn(project: Project) -> None:
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(project.image_path("b"))
    assert any(
        "different numbers of channels: 1 in 1 image (b); 3 in 2 images (a, c)" in warning
        for warning in warnings_of(project)
    )


def test_channels_that_an_image_lacks_are_faults_where_channels_are_asked_for(
    project: Project,
) -> None:
    validate(project, channels=())
    validate(project, channels=(2, 0))
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(project.image_path("b"))
    validate(project, channels=(0,))
    assert check(project, channels=())[0].startswith(
        "JPEGImages: images with different numbers of channels: 1 in 1 image (b); 3 in"
    )
    assert check(project, channels=(2,)) == (
        (
            "JPEGImages: channel 2 is asked for, 1 image (b) of 3 do not have it; change the"
            " setting 'channels' or convert them"
        ),
    )


def test_nothing_to_train_on_is_said(project: Project) -> None:
    assert check(project, []) == (
        "no image to train on; add images to the split, or train on another one",
    )


def test_looking_changes_nothing(project: Project) -> None:
    def state() -> dict[Path, tuple[bytes, int]]:
        return {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in project.path.rglob("*")
            if path.is_file()
        }

    project.sparse_mask_path("a").unlink()
    before = state()
    inspect_project(project, deep=True)
    assert state() == before


def test_real_projects_have_no_faults(shared_data: Path) -> None:
    project = Project.open(shared_data / "dsb2018_histology")
    assert check(project) == ()
    assert project.classes == ClassNames.of("background", "nucleus")


def test_the_last_channel_is_there_and_the_one_after_it_is_not(tiny_project: Project) -> None:
    assert check(tiny_project, channels=(0, 2)) == ()
    assert check(tiny_project, channels=(0, 3))
