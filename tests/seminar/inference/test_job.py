"""Real files of other programs are predicted, all of what is in them, or refused with a remedy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from seminar.errors import DatasetError, SeminarError
from seminar.inference.job import PredictionJob, Summary
from seminar.inference.outputs import find_images
from seminar.inference.predictor import Predictor
from seminar.io.label_png import read_label_png
from seminar.labels import ClassNames

zarr = pytest.importorskip("zarr")

CLASSES = ClassNames.of("background", "cell #00ff00")
HEIGHT, WIDTH = 40, 50
PIXELS = np.random.default_rng(0).integers(1, 255, (20, HEIGHT, WIDTH), dtype=np.uint8)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """A small network in place of one that takes seconds to load."""
    torch.manual_seed(0)
    network = torch.nn.Conv2d(1, 2, 9, padding=4).eval()
    return Predictor(network, classes=CLASSES, num_channels=1, device="cpu")


@pytest.fixture
def model(predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Predictor, "from_folder", classmethod(lambda *_, **__: predictor))
    path = tmp_path / "run" / "model.pt"
    path.parent.mkdir()
    path.write_bytes(b"")
    return path


@pytest.fixture(scope="module")
def expected(predictor: Predictor) -> np.ndarray:
    labels = np.stack([predictor.predict(page) for page in PIXELS[:3]])
    assert 0.1 < labels.mean() < 0.9
    return labels


def predict(model: Path, *sources: Path, out: Path | None = None, **options: Any) -> Summary:
    images = find_images([str(source) for source in sources])
    return PredictionJob(model, images, out=out, device="cpu", **options).run()


# --- tif


def write_pages(path: Path, count: int) -> Path:
    tifffile.imwrite(path, PIXELS[:count], photometric="minisblack", metadata=None)
    return path


def test_few_pages_without_axes_are_planes_if_the_user_says_so(
    model: Path, expected: np.ndarray, tmp_path: Path
) -> None:
    path = write_pages(tmp_path / "z3.tif", 3)
    summary = predict(model, path, out=tmp_path / "o")
    assert not summary.predicted
    assert summary.faults == [
        f"{path}: the model takes 1 channels, the image has 3; give images like those that it was "
        "trained on; if its 3 pages are images of their own, add --pages planes"
    ]
    assert predict(model, path, out=tmp_path / "o", pages="planes", instances=True).predicted == 1
    assert (tifffile.imread(tmp_path / "o" / "z3.tif") == expected).all()
    assert tifffile.imread(tmp_path / "o" / "z3_instances.tif").shape == expected.shape


def test_many_pages_are_channels_if_the_user_says_so(model: Path, tmp_path: Path) -> None:
    path = write_pages(tmp_path / "z.tif", 20)
    (fault,) = predict(model, path, out=tmp_path / "o", pages="channels").faults
    assert "the model takes 1 channels, the image has 20" in fault


def test_every_page_of_a_file_that_was_appended_to(
    model: Path, expected: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "appended.tif"
    for page in PIXELS:
        tifffile.imwrite(path, page, append=True)
    assert predict(model, path, out=tmp_path / "o").predicted == 1
    labels = tifffile.imread(tmp_path / "o" / "appended.tif")
    assert (labels[:3] == expected).all() and len(labels) == 20


def test_the_picture_is_predicted_and_not_its_thumbnail(
    model: Path, expected: np.ndarray, tmp_path: Path
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(PIXELS[0, ::4, ::4], photometric="minisblack", metadata=None, subfiletype=1)
        tif.write(PIXELS[0], photometric="minisblack", metadata=None)
    assert predict(model, tmp_path / "a.tif", out=tmp_path / "o").predicted == 1
    assert (read_label_png(tmp_path / "o" / "a.png") == expected[0]).all()


def test_labels_of_a_turned_photo_fit_what_viewers_show(
    model: Path, expected: np.ndarray, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(PIXELS[0])).save(tmp_path / "a.png", exif=exif)
    assert predict(model, tmp_path / "a.png", out=tmp_path / "o").predicted == 1
    assert (read_label_png(tmp_path / "o" / "a.png") == expected[0]).all()


# --- OME-Zarr


def write_image(path: Path, version: str = "0.4", axes: str = "yx", page: int = 0) -> Path:
    """An image in a group of its own, which may lie in another."""
    is_new = version == "0.5"
    group = zarr.open_group(str(path), mode="a", zarr_format=3 if is_new else 2)
    separator = "." if version == "0.1" else "/"
    layout = {} if is_new else {"chunk_key_encoding": {"name": "v2", "separator": separator}}
    pixels = PIXELS[page].reshape((1,) * (len(axes) - 2) + (HEIGHT, WIDTH))
    group.create_array("0", data=pixels, chunks=(*pixels.shape[:-2], 32, 32), **layout)
    described: dict[str, Any] = {"datasets": [{"path": "0"}]}
    if version == "0.3":
        described["axes"] = [*axes]
    elif version > "0.3":
        described["axes"] = [{"name": axis, "type": "space"} for axis in axes]
    if is_new:
        group.attrs["ome"] = {"version": version, "multiscales": [described]}
    else:
        group.attrs["multiscales"] = [described | {"version": version}]
    return path


def labels_in(path: Path) -> np.ndarray:
    return np.asarray(zarr.open_array(str(path / "labels" / "seminar" / "0"), mode="r")[...])


@pytest.mark.parametrize("version", ["0.3", "0.4", "0.5"])
def test_what_bioformats2raw_writes(
    model: Path, expected: np.ndarray, tmp_path: Path, version: str
) -> None:
    root = tmp_path / "conv.zarr"
    group = zarr.open_group(str(root), mode="w", zarr_format=3 if version == "0.5" else 2)
    group.attrs["bioformats2raw.layout"] = 3
    group.create_group("OME").attrs["series"] = ["0", "1"]
    for number in range(2):
        write_image(root / str(number), version, "tczyx", page=number)
    assert predict(model, root).predicted == 2
    for number in range(2):
        assert (labels_in(root / str(number))[0, 0] == expected[number]).all()
    assert predict(model, root / "1").passed_over == 1
    summary = predict(model, root, out=tmp_path / "o", probabilities=True)
    assert summary.predicted == 2
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == [
        "conv_0_probabilities.zarr",
        "conv_1_probabilities.zarr",
    ]


def test_axes_of_0_3_stay_letters(model: Path, tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.zarr", "0.3")
    assert predict(model, path).predicted == 1
    (described,) = zarr.open_group(str(path / "labels" / "seminar"), mode="r").attrs["multiscales"]
    assert (described["version"], described["axes"]) == ("0.3", ["y", "x"])


def test_a_plate_in_a_folder_without_the_ending(
    model: Path, expected: np.ndarray, tmp_path: Path
) -> None:
    root = tmp_path / "images" / "plate"
    plate = zarr.open_group(str(root), mode="w", zarr_format=2)
    plate.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "A/2"}]}
    plate.create_group("A/1").attrs["well"] = {"images": [{"path": "0"}]}
    write_image(root / "A" / "1" / "0")
    assert predict(model, tmp_path / "images").predicted == 1
    assert (labels_in(root / "A" / "1" / "0") == expected[0]).all()


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.6", ""])
def test_other_versions_are_named(model: Path, tmp_path: Path, version: str) -> None:
    path = write_image(tmp_path / "a.zarr", version or "0.2", "tczyx")
    if not version:
        group = zarr.open_group(str(path), mode="r+")
        group.attrs["multiscales"] = [{"datasets": [{"path": "0"}]}]
    (fault,) = predict(model, path).faults
    assert fault == (
        f"{path}: OME-Zarr {version or '0.1 or 0.2'}, expected 0.3, 0.4, 0.5; convert it, for "
        "instance with `ngff-zarr -i IMAGE -o NEW.zarr` (pip install ngff-zarr)"
    )


def test_an_array_alone_is_not_an_image(model: Path, tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), data=PIXELS[0], zarr_format=2)
    (fault,) = predict(model, tmp_path / "a.zarr").faults
    assert "found no group of zarr" in fault and "save an array as an OME-Zarr" in fault


def test_an_image_without_its_chunks_is_not_black(model: Path, tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.zarr")
    for row in (path / "0").iterdir():
        if row.is_dir():
            shutil.rmtree(row)
    (fault,) = predict(model, path).faults
    assert "not one of its chunks, which would be read as black; copy the whole folder" in fault
    assert not (path / "labels").exists()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_consolidated_metadata_list_the_labels(
    model: Path, tmp_path: Path, zarr_format: int
) -> None:
    root = tmp_path / "conv.zarr"
    group = zarr.open_group(str(root), mode="w", zarr_format=zarr_format)
    path = write_image(root / "0", "0.4" if zarr_format == 2 else "0.5")
    for folder in (path, root):
        consolidate(folder)
    assert predict(model, root).predicted == 1
    for folder, name in ((root, "0/labels/seminar/0"), (path, "labels/seminar/0")):
        group = zarr.open_group(str(folder), mode="r", use_consolidated=True)
        assert group[name].shape == (HEIGHT, WIDTH)
    # an interrupted job had no time for it
    shutil.rmtree(path / "labels")
    consolidate(root)
    predict(model, path, instances=True)
    consolidated_before_labels(root)
    assert predict(model, root).passed_over == 1
    group = zarr.open_group(str(root), mode="r", use_consolidated=True)
    assert group["0/labels/seminar_instances/0"].shape == (HEIGHT, WIDTH)


def consolidate(folder: Path) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(str(folder))


def consolidated_before_labels(root: Path) -> None:
    """As if the metadata had been consolidated before the labels were made."""
    away = root.parent / "labels"
    (root / "0" / "labels").rename(away)
    consolidate(root)
    away.rename(root / "0" / "labels")


def test_metadata_that_were_never_consolidated_stay_so(model: Path, tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.zarr")
    assert predict(model, path).predicted == 1
    assert not (path / ".zmetadata").exists()


def read_only(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As on a read-only disk, for any user."""
    make = os.mkdir

    def refuse(path: Any, *args: Any, **options: Any) -> None:
        if Path(os.fsdecode(path)).absolute().is_relative_to(folder):
            raise OSError(30, "Read-only file system", path)
        make(path, *args, **options)

    monkeypatch.setattr(os, "mkdir", refuse)


def test_labels_of_a_read_only_image_go_to_the_folder_given(
    model: Path, expected: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = write_image(tmp_path / "archive" / "a.zarr"), tmp_path / "o"
    read_only(monkeypatch, tmp_path / "archive")
    (fault,) = predict(model, path).faults
    assert fault == (
        f"{path}: read-only, so its labels cannot be put into it; add --out FOLDER for them"
    )
    summary = predict(model, path, out=out, instances=True)
    assert (summary.predicted, summary.faults, summary.places) == (1, [], [out])
    labels = zarr.open_array(str(out / "a.zarr" / "0"), mode="r")[...]
    assert (labels == expected[0]).all()
    assert zarr.open_array(str(out / "a_instances.zarr" / "0"), mode="r").shape == (HEIGHT, WIDTH)
    assert predict(model, path, out=out, instances=True).passed_over == 1
    (fault,) = predict(model, path, out=tmp_path / "archive").faults
    assert "the images to predict lie there" in fault


def test_instances_of_labels_in_a_read_only_image(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = write_image(tmp_path / "archive" / "a.zarr"), tmp_path / "o"
    predict(model, path)
    read_only(monkeypatch, tmp_path / "archive")
    assert predict(model, path).passed_over == 1
    assert predict(model, path, out=out, instances=True).predicted == 1
    assert [entry.name for entry in out.iterdir()] == ["a_instances.zarr"]


def test_a_scale_that_is_no_number_is_damage(model: Path, tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.zarr")
    group = zarr.open_group(str(path), mode="r+")
    (described,) = group.attrs["multiscales"]
    described["datasets"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [[], 1]}]
    group.attrs["multiscales"] = [described]
    (fault,) = predict(model, path).faults
    assert "it is damaged or no group in it describes an image (TypeError" in fault


def test_a_damaged_group_is_a_fault_of_one_image(model: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.zarr")
    write_image(tmp_path / "images" / "b.zarr")
    (tmp_path / "images" / "a.zarr" / ".zattrs").write_text("{")
    summary = predict(model, tmp_path / "images")
    assert summary.predicted == 1 and len(summary.faults) == 1
    with pytest.raises(DatasetError, match=r"a\.zarr: not readable as an OME-Zarr"):
        summary.raise_faults()


def test_a_fill_value_that_the_values_cannot_have_is_damage(model: Path, tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.zarr")
    text = (path / "0" / ".zarray").read_text()
    (path / "0" / ".zarray").write_text(text.replace('"fill_value": 0', '"fill_value": -1'))
    (fault,) = predict(model, path).faults
    assert "not readable as a zarr array" in fault and "restore the image" in fault


def test_a_tif_needs_a_folder(model: Path, tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.tif", 1)
    with pytest.raises(SeminarError, match="--out: expected the folder"):
        predict(model, path)
