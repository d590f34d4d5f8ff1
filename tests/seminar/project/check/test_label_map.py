"""Masks of other programs: what contradicts the project is named, not believed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from seminar.data.map_folders import check_pseudo_labels
from seminar.errors import DatasetError
from seminar.project.check.project import check, inspect_project
from seminar.project.project import Project
from seminar.project.simulate_clicks import simulate_for_project

HEIGHT, WIDTH = 20, 30
DISC = np.zeros((HEIGHT, WIDTH), np.uint8)
DISC[4:12, 5:20] = 1


def masks_of_0_and_255(project: Project, ids: str = "abc") -> None:
    for image_id in ids:
        Image.fromarray(DISC * np.uint8(255)).save(project.truth_path(image_id))


def objects_of_0_and_255(project: Project) -> None:
    project.objects_path("a").parent.mkdir()
    Image.fromarray(DISC * np.uint8(255)).save(project.objects_path("a"))


def reordered_palette(project: Project) -> None:
    background, _, rim = project.classes.colours
    image = Image.fromarray(1 - DISC)
    image.putpalette([*rim, *background])
    image.save(project.truth_path("a"))


def inverted_palette(project: Project) -> None:
    image = Image.fromarray(1 - DISC)  # as GIMP's "1-bit palette": white, black
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.save(project.truth_path("a"))


FAULTS = [
    (
        masks_of_0_and_255,
        "SegmentationClass: no class but the background there, and 255, which means void",
    ),
    (
        objects_of_0_and_255,
        "SegmentationObject/a.png: expected a number an object, got 255 alone",
    ),
    (
        reordered_palette,
        "SegmentationClass/a.png: its value 0 stands for class 'background', but has the colour of "
        "class 'rim'; save it with the class ids as values",
    ),
    (
        inverted_palette,
        "SegmentationClass/a.png: its value 1 stands for class 'nucleus', but has the colour of "
        "class 'background'; save it",
    ),
]


@pytest.mark.parametrize(
    ("break_it", "sentence"), FAULTS, ids=[break_it.__name__ for break_it, _ in FAULTS]
)
def test_a_fault_is_one_sentence(
    project: Project, break_it: Callable[[Project], None], sentence: str
) -> None:
    break_it(project)
    (fault,) = check(project)
    assert fault.startswith(sentence) and "\n" not in fault
    with pytest.raises(DatasetError, match=r"which means void|got 255 alone|has the colour of"):
        list(simulate_for_project(project, overwrite=True))


def test_some_masks_of_0_and_255_among_others_warn(project: Project) -> None:
    masks_of_0_and_255(project, "b")
    findings = inspect_project(project)
    assert findings.faults == ()
    assert any(
        warning.startswith("SegmentationClass, 1 image (b): no class but the background there")
        for warning in findings.warnings
    )


def test_pseudo_labels_of_0_and_255_are_refused(project: Project, tmp_path: Path) -> None:
    for image_id in "abc":
        Image.fromarray(DISC * np.uint8(255)).save(tmp_path / f"{image_id}.png")
    with pytest.raises(DatasetError, match="no class but the background there, and 255"):
        check_pseudo_labels(project, tmp_path, ["a", "b", "c"])
    Image.fromarray(DISC).save(tmp_path / "a.png")
    check_pseudo_labels(project, tmp_path, ["a", "b", "c"])


@pytest.mark.parametrize(
    "palette",
    [
        [value for grey in range(256) for value in (grey,) * 3],
        [0] * 768,
        [10, 20, 30] * 3,
        [0, 0, 0, 255, 255, 255],
    ],
    ids=["grey", "black", "of another program", "black and white"],
)
def test_palettes_that_say_nothing_are_ignored(project: Project, palette: list[int]) -> None:
    image = Image.fromarray(DISC)
    image.putpalette(palette)
    image.save(project.truth_path("a"))
    assert check(project) == ()
    assert (project.read_truth("a") == DISC).all()


def test_truth_in_capitals_is_read(project: Project) -> None:
    path = project.truth_path("a")
    path.rename(path.with_suffix(".PNG"))
    assert project.truth_path("a").name == "a.PNG"
    assert project.read_truth("a") is not None
    findings = inspect_project(project)
    assert findings.faults == () and "SegmentationClass" not in "".join(findings.warnings)


def test_files_that_are_not_read_are_named(project: Project) -> None:
    tifffile.imwrite(project.path / "SegmentationClass" / "c.tif", DISC)
    (project.path / "SegmentationClass" / "Thumbs.db").write_bytes(b"")
    (project.path / "JPEGImages" / "d.bmp").write_bytes(b"")
    shutil.copytree(project.path / "SegmentationClass", project.path / "Clicks" / "more")
    found = "\n".join(inspect_project(project).warnings)
    assert (
        "SegmentationClass: 1 file (c.tif) not read, expected files named as their images that end "
        "in .png; save them so or remove them" in found
    )
    assert "JPEGImages: 1 file (d.bmp) not read; convert images to jpg, png or tif" in found
    assert "Clicks: 1 file (more) not read" in found


# --- pictures that are turned


def turn(project: Project, image_id: str, orientation: int = 6) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(project.image_path(image_id)) as image:
        image.load()
    image.save(project.image_path(image_id), exif=exif)


def test_masks_and_clicks_of_the_picture_as_stored_are_told_why_they_do_not_fit(
    project: Project,
) -> None:
    turn(project, "a")
    mask, clicks = sorted(check(project), reverse=True)
    why = "(turned by the orientation noted in its file, as viewers show it; `exiftool -n"
    assert mask.startswith(
        "SegmentationClass/a.png: 20 x 30 pixels (height x width), but the image in JPEGImages has "
        f"30 x 20 {why}"
    )
    assert (
        clicks.startswith("Clicks/a.json: clicks of an image of 20 x 30 pixels") and why in clicks
    )


def test_a_mask_of_the_picture_as_shown_fits_and_the_turning_is_noted(project: Project) -> None:
    turn(project, "c")
    Image.fromarray(np.rot90(DISC, -1)).save(project.truth_path("c"))
    findings = inspect_project(project)
    assert findings.faults == ()
    assert findings.notes == (
        "JPEGImages: 1 image (c) turned by the orientation noted in the file (EXIF), as viewers "
        "show them; masks made otherwise do not fit",
    )


def test_a_tif_that_is_not_turned_is_noted(project: Project) -> None:
    project.image_path("c").unlink()
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    path = project.path / "JPEGImages" / "c.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    (note,) = inspect_project(project).notes
    assert note.startswith("JPEGImages: 1 image (c) read as stored, though the tif notes an orient")
    Image.fromarray(np.rot90(DISC, -1)).save(project.truth_path("c"))
    (fault,) = check(project)
    assert "has 20 x 30 (the tif notes an orientation, by which some programs turn it" in fault
