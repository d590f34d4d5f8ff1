"""`seminar measure` and `seminar evaluate --instances` as a person types them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project

CLASSES = ClassNames.of("background", "cell #00ff00")
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two images of 40 x 50 pixels, "a" a tif with 2 channels and pixels of half a micrometre."""
    (tmp_path / "images").mkdir()
    image = np.full((2, 40, 50), 7, np.uint16)
    for name in ("a.tif", "b.png"):
        Image.fromarray(image[0].astype(np.uint8)).save(tmp_path / "images" / name)
    made = Project.create(tmp_path / "project", sorted((tmp_path / "images").iterdir()), CLASSES)
    tifffile.imwrite(
        made.image_path("a"),
        image,
        imagej=True,
        resolution=(2, 2),
        metadata={"axes": "CYX", "unit": "um"},
    )
    objects = truth()
    for image_id in "ab":
        write_label_png(made.truth_path(image_id), (objects > 0).astype(np.uint8), CLASSES)
        made.objects_path(image_id).parent.mkdir(exist_ok=True)
        Image.fromarray(objects.astype(np.uint8)).save(made.objects_path(image_id))
    return made


def truth() -> np.ndarray:
    objects = np.zeros((40, 50), np.uint16)
    objects[0:10, 5:15] = 1
    objects[20:30, 30:40] = 2
    return objects


def found(folder: Path, *image_ids: str, numbers: np.ndarray | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    for image_id in image_ids:
        objects = truth() if numbers is None else numbers
        tifffile.imwrite(folder / f"{image_id}_instances.tif", objects)
        write_label_png(folder / f"{image_id}.png", (truth() > 0).astype(np.uint8), CLASSES)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_an_object(cli: Cli, project: Project, tmp_path: Path) -> None:
    out = tmp_path / "objects.csv"
    status, printed, said = cli(
        "measure", found(tmp_path / "i", "a", "b"), project.path, "--out", out
    )
    assert (status, printed) == (0, "")
    assert "4 objects of 2 images" in said
    table = rows(out)
    assert [(row["image"], row["object"], row["class"]) for row in table] == [
        ("a", "1", "cell"),
        ("a", "2", "cell"),
        ("b", "1", "cell"),
        ("b", "2", "cell"),
    ]
    assert list(table[0])[-5:] == [
        *("touches_border", "area_um2", "equivalent_diameter_um", "row_um", "col_um")
    ]
    first, third = table[0], table[2]
    assert (first["area"], first["row"], first["col"]) == ("100", "4.5", "9.5")
    assert (first["mean_2"], first["sum_2"], first["touches_border"]) == ("7", "700", "1")
    assert (first["area_um2"], first["row_um"]) == ("25", "2.25")
    assert (third["mean_2"], third["area_um2"]) == ("", "")


def test_the_window_s_instances_have_no_classes(cli: Cli, project: Project, tmp_path: Path) -> None:
    (tmp_path / "i").mkdir()
    tifffile.imwrite(tmp_path / "i" / "b.tif", truth())
    assert cli("measure", tmp_path / "i", project.path, "--out", tmp_path / "a.csv")[0] == 0
    assert [row["class"] for row in rows(tmp_path / "a.csv")] == ["", ""]


def test_a_model_is_measured_and_no_objects_are_an_empty_table(
    cli: Cli, model: Path, project: Project, tmp_path: Path
) -> None:
    project.image_path("a").unlink()  # the model takes one channel
    out = tmp_path / "a.csv"
    assert cli("measure", model, project.path, "--out", out, "--device", "cpu")[0] == 0
    empty = found(tmp_path / "i", "b", numbers=np.zeros((40, 50), np.uint16))
    assert cli("measure", empty, project.path, "--out", out)[0] == 0
    assert rows(out) == []
    assert out.read_text().startswith("image,object,class,area,")


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (np.zeros((5, 5), np.uint16), "expected one page of 40 x 50 object numbers"),
        (np.zeros((2, 40, 50), np.uint16), "got 2 x 40 x 50 uint16 values"),
        (np.zeros((40, 50), np.float32), "float32 values"),
        (np.full((40, 50), -1, np.int16), "holds -1, expected object numbers from 0"),
    ],
)
def test_a_file_that_does_not_fit_leaves_no_table(
    cli: Cli, project: Project, tmp_path: Path, numbers: np.ndarray, message: str
) -> None:
    folder = found(tmp_path / "i", "a")
    found(folder, "b", numbers=numbers)
    status, _, said = cli("measure", folder, project.path, "--out", tmp_path / "a.csv")
    assert status == 2
    assert message in " ".join(said.split())
    assert not (tmp_path / "a.csv").exists()


def test_what_cannot_be_measured_is_a_sentence(cli: Cli, project: Project, tmp_path: Path) -> None:
    (tmp_path / "i").mkdir()
    tifffile.imwrite(tmp_path / "i" / "other.tif", truth())
    for words, message in (
        ((tmp_path / "i", project.path, "--out", tmp_path / "a.csv"), "no instances of an image"),
        ((tmp_path / "nowhere", project.path, "--out", tmp_path / "a.csv"), "no such file"),
        ((tmp_path / "i", project.path, "--out", tmp_path), "this is a folder"),
    ):
        status, _, said = cli("measure", *words)
        assert status == 2
        assert message in " ".join(said.split())


def test_objects_are_scored(cli: Cli, project: Project, tmp_path: Path) -> None:
    """Those on disk; without them the mask is divided, which finds the same."""
    for folder in (found(tmp_path / "i", "a", "b"), project.path / "SegmentationClass"):
        words = ("evaluate", folder, project.path, "--split", "all", "--instances")
        status, printed, _ = cli(*words, "--json")
        assert status == 0
        scores = json.loads(printed)["instances"]
        assert scores == {"f1_50": 1.0, "f1_75": 1.0, "pq": 1.0, "count_error": 0.0}
    assert "panoptic quality, %" in cli(*words)[1]
    merged = found(tmp_path / "i", "a", numbers=(truth() > 0).astype(np.uint16))
    printed = cli("evaluate", merged, project.path, "--split", "all", "--instances", "--json")[1]
    assert json.loads(printed)["instances"]["count_error"] == 0.25


def test_objects_that_cannot_be_scored_are_sentences(
    cli: Cli, project: Project, tmp_path: Path
) -> None:
    words = ("evaluate", found(tmp_path / "i", "a", "b"), project.path, "--split", "all")
    status, _, said = cli(*words, "--instances", "--protocol", "center-crop")
    assert status == 2
    assert "objects are scored in whole images" in " ".join(said.split())
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(project.objects_path("a"))
    assert "expected objects of 40 x 50" in " ".join(cli(*words, "--instances")[2].split())
    project.objects_path("a").unlink()
    project.objects_path("b").unlink()
    said = " ".join(cli(*words, "--instances")[2].split())
    assert said.count("no objects; add their numbers") == 2
    assert cli(*words)[0] == 0
