"""Which images a command means, and where their outputs may go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError, SeminarError
from seminar.inference.outputs import Outputs, check_output_folder, clicks_of, find_images, stem_of
from seminar.labels import ClassNames
from seminar.project.project import Project

CLASSES = ClassNames.of("background", "cell")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("b.png", "a.tif", "c.JPG"):
        Image.fromarray(np.zeros((8, 10), np.uint8)).save(images / name)
    (images / "notes.txt").write_text("x")
    (images / "d.zarr").mkdir()
    return images


def names(*sources: object) -> list[str]:
    return [path.name for path in find_images([str(source) for source in sources])]


def test_a_folder_gives_its_images_sorted(folder: Path) -> None:
    assert names(folder) == ["a.tif", "b.png", "c.JPG", "d.zarr"]


def test_files_patterns_and_zarrs(folder: Path) -> None:
    assert names(folder / "b.png", folder / "d.zarr") == ["b.png", "d.zarr"]
    assert names(folder / "[ab].*") == ["a.tif", "b.png"]
    assert names(folder.parent / "**" / "*.JPG") == ["c.JPG"]


def test_an_image_named_twice_is_one(folder: Path) -> None:
    assert names(folder / "b.png", folder / "b.*") == ["b.png"]


def test_a_file_with_brackets_in_its_name_is_a_file(folder: Path) -> None:
    path = folder / "field[1].png"
    Image.fromarray(np.zeros((8, 10), np.uint8)).save(path)
    assert names(path) == ["field[1].png"]


def test_a_project_gives_its_images(folder: Path, tmp_path: Path) -> None:
    Project.create(tmp_path / "project", [folder / "b.png"], CLASSES)
    assert names(tmp_path / "project") == ["b.png"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("absent.png", "no such file or folder"),
        ("images/notes.txt", "not an image by its ending"),
        ("empty", "no image in this folder"),
        ("images/*.bmp", "no image has a name like this"),
    ],
)
def test_every_source_without_an_image_is_named(folder: Path, source: str, message: str) -> None:
    (folder.parent / "empty").mkdir()
    with pytest.raises(DatasetError, match=message):
        find_images([str(folder / "b.png"), str(folder.parent / source)])


@pytest.mark.parametrize("twin", ["b.jpg", "B.png", "b.ome.tif"])
def test_two_images_of_one_stem_are_refused(folder: Path, twin: str) -> None:
    other = folder.parent / "other"
    other.mkdir()
    Image.fromarray(np.zeros((8, 10), np.uint8)).save(other / twin)
    with pytest.raises(DatasetError, match=r"b\.png and .* would both be written to"):
        find_images([str(folder / "b.png"), str(other / twin)])


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.png", "a"), ("a.ome.tif", "a"), ("a.b.ome.zarr", "a.b"), (".ome.tif", ".ome")],
)
def test_stems(name: str, stem: str) -> None:
    assert stem_of(Path(name)) == stem


def test_an_image_of_a_project_is_called_by_its_id(folder: Path, tmp_path: Path) -> None:
    for name in ("field1.ome.tif", "field1.png"):
        Image.fromarray(np.zeros((8, 10), np.uint8)).save(tmp_path / name)
    project = Project.create(
        tmp_path / "project", [tmp_path / "field1.ome.tif", tmp_path / "field1.png"], CLASSES
    )
    found = find_images([str(project.path)])
    assert (
        tuple(sorted(map(stem_of, found)))
        == tuple(sorted(project.image_ids()))
        == ("field1", "field1.ome")
    )
    assert stem_of(tmp_path / "field1.ome.tif") == "field1"


def test_outputs_are_missing_one_by_one(tmp_path: Path) -> None:
    outputs = Outputs.of(tmp_path, "a", instances=True, probabilities=False)
    assert [path.name for path in outputs.paths()] == ["a.png", "a_instances.tif"]
    (tmp_path / "a.png").touch()
    assert [path.name for path in outputs.missing()] == ["a_instances.tif"]
    (tmp_path / "a_instances.tif").touch()
    assert not outputs.missing()


def test_the_input_folder_is_no_output_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    for out in (folder, folder / ".." / "images", tmp_path / "link"):
        with pytest.raises(SeminarError, match="labels must not replace them"):
            check_output_folder(out, [folder / "b.png"])
    check_output_folder(folder / "labels", [folder / "b.png"])


def test_a_file_is_no_output_folder(folder: Path) -> None:
    with pytest.raises(SeminarError, match="there is a file of this name"):
        check_output_folder(folder / "notes.txt", [])


@pytest.mark.parametrize(
    "name", ["JPEGImages", "SegmentationClass", "SegmentationClick", "SegmentationObject", "Clicks"]
)
def test_what_a_project_holds_is_never_overwritten(folder: Path, tmp_path: Path, name: str) -> None:
    project = Project.create(tmp_path / "project", [folder / "b.png"], CLASSES)
    with pytest.raises(SeminarError, match="which are never written"):
        check_output_folder(project.path / name, [folder / "a.tif"])


def test_clicks_come_from_the_images_project(folder: Path, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project", [folder / "a.tif", folder / "b.png"], CLASSES)
    given = ClickSet(8, 10, np.array([[1.0, 2.0]]), np.array([1]))
    project.write_clicks("b", given)
    assert clicks_of(project.image_path("b"), CLASSES) == given
    assert clicks_of(project.image_path("a"), CLASSES) is None
    assert clicks_of(folder / "b.png", CLASSES) is None
    assert clicks_of(project.image_path("b"), ClassNames.of("background", "dog")) is None


def test_brackets_in_the_name_of_a_folder(folder: Path) -> None:
    plate = folder / "plate[1]"
    plate.mkdir()
    Image.fromarray(np.zeros((8, 10), np.uint8)).save(plate / "x.png")
    assert names(plate / "*.png") == ["x.png"]


@pytest.mark.parametrize("name", ["plate.zarr", "plate.ome.zarr", "plate"])
def test_images_in_an_ome_zarr_are_named_after_it(tmp_path: Path, name: str) -> None:
    for group in (tmp_path / name, tmp_path / name / "A", tmp_path / name / "A" / "1"):
        group.mkdir()
        (group / ".zattrs").write_text('{"multiscales": []}' if group.name == "1" else "{}")
    (found,) = find_images([str(tmp_path)])
    assert found == tmp_path / name / "A" / "1"
    assert stem_of(found) == "plate_A_1"
