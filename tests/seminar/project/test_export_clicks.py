"""Clicks, objects and masks of a project as files: whole or not there."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.clicks.writers.format_table import WRITERS, formats_of
from seminar.errors import DatasetError, SeminarError
from seminar.io.label_png import read_label_png, write_label_png
from seminar.labels import ClassNames
from seminar.project.export_clicks import Exported, export_from_project
from seminar.project.project import Project


def last(states: Iterator[Exported]) -> Exported:
    return deque(states, maxlen=1)[0]


@pytest.fixture
def predictions(project: Project, tmp_path: Path) -> Path:
    """Masks of a and b with two objects each, as `seminar predict --instances` writes them."""
    folder = tmp_path / "masks"
    for image_id in "ab":
        labels = np.zeros((20, 30), dtype=np.uint8)
        labels[2:9, 3:12], labels[12:18, 15:28], labels[0] = 1, 2, 255
        write_label_png(folder / f"{image_id}.png", labels, project.classes)
        objects = (labels % 255).astype(np.uint16)
        tifffile.imwrite(folder / f"{image_id}_instances.tif", objects, metadata={"axes": "YX"})
    return folder


@pytest.mark.parametrize("format", formats_of("clicks"))
def test_clicks_inside_of_their_image(format: str, project: Project, tmp_path: Path) -> None:
    project.write_clicks("b", ClickSet(20, 30, [(5, 6), (99, 8)], [1, 0]))
    project.write_clicks("c", ClickSet(20, 30))
    out = tmp_path / f"out{WRITERS[format].ending}"
    assert last(export_from_project(project, format, out)) == Exported(2, 3, 4, 1, 0)
    names = {path.stem for path in out.iterdir()} if out.is_dir() else {out.stem}
    assert names == ({"a", "b"} if out.is_dir() else {"out"})
    with pytest.raises(SeminarError, match="already there"):
        last(export_from_project(project, format, out))
    last(export_from_project(project, format, out, overwrite=True))
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("format", formats_of("objects"))
def test_objects_with_the_class_of_most_of_their_pixels(
    format: str, project: Project, predictions: Path, tmp_path: Path
) -> None:
    mask = predictions / "a.png"
    labels = read_label_png(mask)
    labels[2, 3] = 2
    write_label_png(mask, labels, project.classes)
    out = tmp_path / f"out{WRITERS[format].ending}"
    states = export_from_project(project, format, out, kind="objects", predictions=predictions)
    assert last(states) == Exported(2, 2, 4, 0, 0)
    if format == "coco":
        data = json.loads(out.read_text())
        assert [one["category_id"] for one in data["annotations"]] == [2, 3, 2, 3]
        assert [one["area"] for one in data["annotations"]] == [63, 78, 63, 78]


def test_masks_and_their_objects(project: Project, predictions: Path, tmp_path: Path) -> None:
    (predictions / "b_instances.tif").unlink()
    out = tmp_path / "voc"
    states = export_from_project(project, "voc", out, kind="masks", predictions=predictions)
    assert last(states) == Exported(2, 2, 2, 0, 0)
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        "ImageSets/Segmentation/default.txt",
        "SegmentationClass/a.png",
        "SegmentationClass/b.png",
        "SegmentationObject/a.png",
        "labelmap.txt",
    ]
    assert (out / "ImageSets/Segmentation/default.txt").read_text() == "a\nb\n"


def test_a_closed_or_failed_export_leaves_nothing(
    project: Project, predictions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "out"
    states = export_from_project(project, "imagej", out)
    next(states)
    states.close()  # type: ignore[attr-defined]
    project.clicks_path("b").write_text("{")
    with pytest.raises(DatasetError, match=r"b\.json"):
        last(export_from_project(project, "imagej", out))
    tifffile.imwrite(predictions / "b_instances.tif", np.zeros((2, 20, 30), np.uint16))
    with pytest.raises(DatasetError, match="expected one page of object numbers, got 2 pages"):
        last(export_from_project(project, "qupath", out, kind="objects", predictions=predictions))
    tifffile.imwrite(predictions / "b_instances.tif", np.ones((20, 31), np.uint16))
    with pytest.raises(DatasetError, match="20 x 31 pixels"):
        last(export_from_project(project, "qupath", out, kind="objects", predictions=predictions))
    tifffile.imwrite(predictions / "b_instances.tif", np.eye(20, 30, dtype=np.uint16) * 7)
    write_label_png(predictions / "b.png", np.full((20, 30), 255), project.classes)
    with pytest.raises(DatasetError, match="object 7 has no class"):
        last(export_from_project(project, "qupath", out, kind="objects", predictions=predictions))
    write_label_png(predictions / "b.png", np.full((20, 30), 9), project.classes)
    with pytest.raises(DatasetError, match="class 9, but the project has 3"):
        last(export_from_project(project, "qupath", out, kind="objects", predictions=predictions))
    assert list((tmp_path / "deep").iterdir()) == []


def test_what_cannot_be_exported_is_said(
    unclicked: Project, predictions: Path, tmp_path: Path
) -> None:
    def fault(format: str, out: Path, **options: object) -> str:
        with pytest.raises(SeminarError) as caught:
            last(export_from_project(unclicked, format, out, **options))  # type: ignore[arg-type]
        return str(caught.value)

    out = tmp_path / "out"
    objects = {"kind": "objects", "predictions": predictions}
    assert "no clicks to write" in fault("imagej", out)
    assert "choose one of imagej, napari, qupath, cvat" in fault("voc", out)
    assert "objects cannot be written to it" in fault("napari", out, **objects)
    assert "expected the name of a file, such as clicks.json" in fault("coco", out)
    assert "it holds the project" in fault("imagej", unclicked.path.parent, overwrite=True)
    assert "it holds the project" in fault("imagej", predictions, **objects, overwrite=True)
    (tmp_path / "file").write_text("")
    assert "expected a folder" in fault("imagej", tmp_path / "file", overwrite=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no objects of this project's images there (NAME_instances.tif)" in fault(
        "imagej", out, kind="objects", predictions=empty
    )
    assert "name the folder" in fault("imagej", out, kind="objects")
    assert not out.exists()


def test_a_class_that_a_voc_label_map_cannot_hold(
    project: Project, predictions: Path, tmp_path: Path
) -> None:
    project.classes_path.write_text("background\nnucleus:big\nrim\n")
    states = export_from_project(
        Project.open(project.path), "voc", tmp_path / "v", kind="masks", predictions=predictions
    )
    with pytest.raises(SeminarError, match="class 'nucleus:big': a VOC label map cannot hold"):
        last(states)
    assert not (tmp_path / "v").exists()


def test_a_turned_picture_and_programs_that_show_it_as_stored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (24, 30)).save(tmp_path / "turned.jpg", exif=exif)
    project = Project.create(
        tmp_path / "p", [tmp_path / "turned.jpg"], ClassNames.of("background", "cell")
    )
    project.write_clicks("turned", ClickSet(*project.image_size("turned"), [(1, 2)], [1]))
    for format in ("imagej", "napari"):
        with pytest.raises(DatasetError, match=r"turned\.jpg: turned by a camera's note"):
            last(export_from_project(project, format, tmp_path / format))
    last(export_from_project(project, "labelme", tmp_path / "labelme"))
