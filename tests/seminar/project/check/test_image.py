"""Each fault of an image and its files is reported in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.io.label_png import write_label_png
from seminar.project.check.image import MAX_FAULTS_A_FILE
from seminar.project.check.project import check
from seminar.project.project import Project


def replace_image(project: Project, data: bytes, name: str = "b.png") -> None:
    (project.path / "JPEGImages" / "b.png").unlink()
    (project.path / "JPEGImages" / name).write_bytes(data)


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


FAULTS: list[tuple[Callable[[Project], None], str]] = [
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


def test_a_folder_of_images_can_be_a_link(project: Project) -> None:
    outside = project.path.parent / "images"
    (project.path / "JPEGImages").rename(outside)
    (project.path / "JPEGImages").symlink_to(outside, target_is_directory=True)
    assert check(project) == ()


def test_a_project_in_the_current_folder_is_named_plainly(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    click_outside(project)
    monkeypatch.chdir(project.path)
    assert check(Project.open("."))[0].startswith("Clicks/b.json, click 2")
