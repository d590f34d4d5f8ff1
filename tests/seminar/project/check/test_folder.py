"""Each fault of names, splits and files without an image is reported in one sentence."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable

import numpy as np
import pytest

from seminar.io.label_png import write_label_png
from seminar.project.check.project import check, inspect_project, validate
from seminar.project.project import Project


def same_stem(project: Project) -> None:
    shutil.copy(project.image_path("a"), project.path / "JPEGImages" / "a.tif")


def odd_name(project: Project) -> None:
    shutil.copy(project.image_path("a"), project.path / "JPEGImages" / "new\nline.png")


def split_without_image(project: Project) -> None:
    folder = project.path / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text("a\nb\nnowhere\n")


def split_that_leaves(project: Project) -> None:
    split_without_image(project)
    (project.path / "ImageSets" / "Segmentation" / "train.txt").write_text("a\n../b\n")


def empty_split(project: Project) -> None:
    split_without_image(project)
    (project.path / "ImageSets" / "Segmentation" / "train.txt").write_text("\n\n")


FAULTS: list[tuple[Callable[[Project], None], str]] = [
    (
        same_stem,
        "JPEGImages: a.png and a.tif have the same image id 'a'; rename or remove one of them",
    ),
    (
        odd_name,
        (
            "JPEGImages/new\\nline.png: the name cannot be an image id: it holds a control"
            " character or a line break; rename the file"
        ),
    ),
    (
        split_without_image,
        (
            "ImageSets/Segmentation/train.txt, line 3: no image nowhere in JPEGImages; add the"
            " image or delete the line"
        ),
    ),
    (
        split_that_leaves,
        "ImageSets/Segmentation/train.txt, line 2: '../b' cannot be an image id: it holds a slash",
    ),
    (
        empty_split,
        (
            "ImageSets/Segmentation/train.txt: no image id in it; write some, one a line, or delete"
            " the file"
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


def test_two_files_of_one_image_are_a_fault_where_it_is_trained(project: Project) -> None:
    same_stem(project)
    validate(project, ["b"])
    assert check(project, ["a", "b"])[0].startswith(
        "JPEGImages: a.png and a.tif have the same image id"
    )


def test_files_without_an_image_warn(project: Project) -> None:
    write_label_png(project.truth_path("zz"), np.zeros((5, 5)), project.classes)
    project.clicks_path("yy").write_text(json.dumps({}))
    found = "\n".join(warnings_of(project))
    assert "SegmentationClass: no image in JPEGImages for 1 image (zz)" in found
    assert "Clicks: no image in JPEGImages for 1 image (yy)" in found


def test_overlap_of_train_and_val_warns(project: Project) -> None:
    folder = project.path / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text("a\nb\na\n")
    (folder / "val.txt").write_text("b\nc\n")
    found = "\n".join(warnings_of(project))
    assert "1 image (b) in both train and val" in found
    assert "train.txt: 1 image ids are listed twice" in found


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_that_other_systems_refuse_warn(project: Project) -> None:
    for name in ("x:y.png", "A.png"):
        shutil.copy(project.image_path("a"), project.path / "JPEGImages" / name)
    found = "\n".join(warnings_of(project))
    assert "JPEGImages/x:y: the project cannot be copied to every computer: it holds :" in found
    assert "'A' and 'a' are the same name on Windows and macOS" in found


def test_many_images_are_named_by_their_first(project: Project) -> None:
    for number in range(9):
        shutil.copy(project.image_path("a"), project.path / "JPEGImages" / f"d{number}.png")
    assert "10 images (c, d0, d1, d2, d3, ...) of 12" in "\n".join(warnings_of(project))
