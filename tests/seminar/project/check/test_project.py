"""Every fault of a project is found, said in one sentence with where and what to do, and all at
once.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.check.image import MAX_FAULTS_A_FILE
from seminar.project.check.project import check, inspect_project, validate
from seminar.project.project import Project


def test_a_good_project_has_no_faults(project: Project) -> None:
    findings = inspect_project(project, deep=True)
    assert findings.faults == ()
    assert len(findings.warnings) == 1
    assert findings.warnings[0].startswith(
        "1 image (c) of 3 in the training set: no clicks, so not trained on; click in the window"
    )
    validate(project)


def replace_image(project: Project, data: bytes, name: str = "b.png") -> None:
    (project.path / "JPEGImages" / "b.png").unlink()
    (project.path / "JPEGImages" / name).write_bytes(data)


def no_images(project: Project) -> None:
    shutil.rmtree(project.path)
    (project.path / "JPEGImages").mkdir(parents=True)


def same_stem(project: Project) -> None:
    shutil.copy(project.image_path("a"), project.path / "JPEGImages" / "a.tif")


def odd_name(project: Project) -> None:
    shutil.copy(project.image_path("a"), project.path / "JPEGImages" / "new\nline.png")


def truncated_png(project: Project) -> None:
    replace_image(project, project.image_path("b").read_bytes()[:-100])


def text_for_an_image(project: Project) -> None:
    replace_image(project, b"<html>not found</html>")


def empty_image(project: Project) -> None:
    replace_image(project, b"")


def one_pixel_image(project: Project) -> None:
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(project.image_path("b"))
    project.clicks_path("b").unlink()
    for path in (project.sparse_mask_path("b"), project.truth_path("b")):
        path.unlink()


def nan_image(project: Project) -> None:
    pixels = np.zeros((20, 30, 3), np.float32)
    pixels[3, 4, 1] = np.nan
    (project.path / "JPEGImages" / "b.png").unlink()
    tifffile.imwrite(project.path / "JPEGImages" / "b.tif", pixels, photometric="rgb")


def stack(project: Project) -> None:
    (project.path / "JPEGImages" / "b.png").unlink()
    tifffile.imwrite(project.path / "JPEGImages" / "b.tif", np.zeros((40, 20, 30), np.uint8))


def click_outside(project: Project) -> None:
    project.write_clicks("b", ClickSet(20, 30, [(5, 6), (20, 3), (7, 8)], [0, 1, 1]))


def click_of_unknown_class(project: Project) -> None:
    project.clicks_path("b").write_text(ClickSet(20, 30, [(5, 6), (7, 8)], [0, 3]).to_json())


def clicks_of_another_size(project: Project) -> None:
    project.clicks_path("b").write_text(ClickSet(30, 20, [(5, 6)], [1]).to_json())


def torn_json(project: Project) -> None:
    project.clicks_path("b").write_text('{"version": 1, "height": 20')


def linked_file(project: Project) -> None:
    path = project.image_path("b")
    path.rename(project.path.parent / "elsewhere.png")
    path.symlink_to(project.path.parent / "elsewhere.png")


def broken_link(project: Project) -> None:
    path = project.image_path("b")
    path.unlink()
    path.symlink_to(project.path.parent / "gone.png")


def sparse_mask_only(project: Project, mask: np.ndarray[Any, Any]) -> None:
    project.clicks_path("b").unlink()
    Image.fromarray(mask).save(project.sparse_mask_path("b"))


def sparse_mask_of_another_size(project: Project) -> None:
    sparse_mask_only(project, np.full((20, 31), 255, np.uint8))


def sparse_mask_of_16_bit(project: Project) -> None:
    sparse_mask_only(project, np.full((20, 30), 255, np.uint16))


def sparse_mask_of_unknown_class(project: Project) -> None:
    mask = np.full((20, 30), 255, np.uint8)
    mask[2, 2:5] = (2, 3, 254)
    sparse_mask_only(project, mask)


def truth_of_another_size(project: Project) -> None:
    write_label_png(project.truth_path("b"), np.zeros((10, 15)), project.classes)


def truth_of_16_bit(project: Project) -> None:
    Image.fromarray(np.zeros((20, 30), np.uint16)).save(project.truth_path("b"))


def truth_of_unknown_class(project: Project) -> None:
    write_label_png(project.truth_path("b"), np.full((20, 30), 7), project.classes)


def truncated_truth(project: Project) -> None:
    project.truth_path("b").write_bytes(project.truth_path("b").read_bytes()[:100])


def objects_of_another_size(project: Project) -> None:
    write_label_png(project.objects_path("b"), np.zeros((10, 15)), project.classes)


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
    (truncated_png, "JPEGImages/b.png: damaged or cut short (image file is truncated"),
    (
        text_for_an_image,
        (
            "JPEGImages/b.png: neither jpg, png nor tif by its content; convert it to one of these"
            " or remove it"
        ),
    ),
    (empty_image, "JPEGImages/b.png: an empty file; replace it by a whole copy or remove it"),
    (
        one_pixel_image,
        (
            "JPEGImages/b.png: 1 x 1 pixels (height x width) are too few to learn from, at least 8"
            " x 8 are needed; remove the image"
        ),
    ),
    (
        nan_image,
        (
            "JPEGImages/b.tif: a value is NaN or infinite, first at row 3, column 4; replace them"
            " with numbers and save the image again"
        ),
    ),
    (
        stack,
        (
            "JPEGImages/b.tif: a stack of 40 planes, expected one image; `seminar new` makes a"
            " project with one image a plane from it"
        ),
    ),
    (
        click_outside,
        (
            "Clicks/b.json, click 2: row 20, col 3 is outside the image of 20 x 30 pixels (height x"
            " width); move or delete the click"
        ),
    ),
    (
        click_of_unknown_class,
        (
            "Clicks/b.json, click 2: class_id 3 is not in 0..2; fix the click or add the class to"
            " classes.txt"
        ),
    ),
    (
        clicks_of_another_size,
        (
            "Clicks/b.json: clicks of an image of 30 x 20 pixels (height x width), but the image"
            " has 20 x 30; restore"
        ),
    ),
    (torn_json, "Clicks/b.json: not readable as JSON ("),
    (
        linked_file,
        (
            "JPEGImages/b.png: a link to a file outside JPEGImages; put a copy there, or link the"
            " whole folder"
        ),
    ),
    (broken_link, "JPEGImages/b.png: no such file; check the name"),
    (
        sparse_mask_of_another_size,
        (
            "SegmentationClick/b.png: 20 x 31 pixels (height x width), but the image in JPEGImages"
            " has 20 x 30; make the mask again"
        ),
    ),
    (
        sparse_mask_of_16_bit,
        (
            "SegmentationClick/b.png: expected an indexed or 8-bit grey PNG of class ids, got"
            " 16-bit grey; save it as an indexed PNG"
        ),
    ),
    (
        sparse_mask_of_unknown_class,
        (
            "SegmentationClick/b.png: class ids 3, 254 are not in 0..2; correct the mask or add the"
            " classes to classes.txt"
        ),
    ),
    (
        truth_of_another_size,
        (
            "SegmentationClass/b.png: 10 x 15 pixels (height x width), but the image in JPEGImages"
            " has 20 x 30; make the mask again"
        ),
    ),
    (
        truth_of_16_bit,
        (
            "SegmentationClass/b.png: expected an indexed or 8-bit grey PNG of class ids, got"
            " 16-bit grey; save it as an indexed PNG"
        ),
    ),
    (
        truth_of_unknown_class,
        (
            "SegmentationClass/b.png: class ids 7 are not in 0..2; correct the mask or add the"
            " classes to classes.txt"
        ),
    ),
    (truncated_truth, "SegmentationClass/b.png: damaged or cut short ("),
    (
        objects_of_another_size,
        (
            "SegmentationObject/b.png: 10 x 15 pixels (height x width), but the image in JPEGImages"
            " has 20 x 30; make the mask again"
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
    project: Project, break_it: Callable[[Project], None], sentence: str
) -> None:
    break_it(project)
    faults = check(project)
    assert len(faults) == 1, faults
    assert faults[0].startswith(sentence)
    assert "\n" not in faults[0]
    assert str(project.path) not in faults[0]  # named from the project on
    with pytest.raises(DatasetError) as caught:
        validate(project)
    assert caught.value.faults == faults


def test_all_faults_at_once(project: Project) -> None:
    for break_it in (
        same_stem,
        one_class_only,
        truncated_png,
        click_of_unknown_class,
        truth_of_unknown_class,
        objects_of_another_size,
        split_without_image,
    ):
        break_it(project)
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


def test_a_file_with_many_faults_is_told_by_its_first(project: Project) -> None:
    project.clicks_path("a").write_text(
        ClickSet(20, 30, np.full((500, 2), 90.0), np.zeros(500)).to_json()
    )
    faults = check(project)
    assert len(faults) == MAX_FAULTS_A_FILE + 1
    assert faults[-1] == "Clicks/a.json: 490 more faults like these; correct them too"


def test_damage_in_the_middle_needs_a_deep_look(project: Project) -> None:
    path = project.image_path("b")
    data = bytearray(path.read_bytes())
    data[300:340] = bytes(40)
    path.write_bytes(data)
    assert check(project) == ()
    assert check(project, deep=True)[0].startswith("JPEGImages/b.png: damaged or cut short")


# --- what only warns


def warnings_of(project: Project) -> tuple[str, ...]:
    findings = inspect_project(project)
    assert findings.faults == ()
    return findings.warnings


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
    truth_of_unknown_class(project)
    validate(project, needs="clicks")
    torn_json(project)
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


def test_two_files_of_one_image_are_a_fault_where_it_is_trained(project: Project) -> None:
    same_stem(project)
    validate(project, ["b"])
    assert check(project, ["a", "b"])[0].startswith(
        "JPEGImages: a.png and a.tif have the same image id"
    )


def test_nothing_to_train_on_is_said(project: Project) -> None:
    assert check(project, []) == (
        "no image to train on; add images to the split, or train on another one",
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


def test_a_folder_of_images_can_be_a_link(project: Project) -> None:
    outside = project.path.parent / "images"
    (project.path / "JPEGImages").rename(outside)
    (project.path / "JPEGImages").symlink_to(outside, target_is_directory=True)
    assert check(project) == ()


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


def test_a_project_in_the_current_folder_is_named_plainly(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    click_outside(project)
    monkeypatch.chdir(project.path)
    assert check(Project.open("."))[0].startswith("Clicks/b.json, click 2")


def test_many_images_are_named_by_their_first(project: Project) -> None:
    for number in range(9):
        shutil.copy(project.image_path("a"), project.path / "JPEGImages" / f"d{number}.png")
    assert "10 images (c, d0, d1, d2, d3, ...) of 12" in "\n".join(warnings_of(project))


def test_real_projects_have_no_faults(shared_data: Path) -> None:
    project = Project.open(shared_data / "dsb2018_histology")
    assert check(project) == ()
    assert project.classes == ClassNames.of("background", "nucleus")
