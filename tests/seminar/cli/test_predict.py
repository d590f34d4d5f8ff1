"""`seminar predict` as a person types it."""

from __future__ import annotations

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
from seminar.inference.instances.divide import instances_from_shape
from seminar.inference.predictor import Predictor
from seminar.io.label_png import read_label_png, write_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project

CLASSES = ClassNames.of("background", "cell #00ff00")
Cli = Callable[..., tuple[int, str, str]]


def test_labels_are_indexed_pngs_in_the_classes_colours(
    cli: Cli, model: Path, images: Path, tmp_path: Path
) -> None:
    status, out, err = cli("predict", model, images, "--out", tmp_path / "out")
    assert (status, out) == (0, "")
    assert "2 images predicted into" in err
    path = tmp_path / "out" / "a.png"
    with Image.open(path) as image:
        assert image.mode == "P"
        assert image.getpalette()[3:6] == [0, 255, 0]  # type: ignore[index]
    expected = Predictor.from_folder(model, "cpu").predict(np.asarray(Image.open(images / "a.png")))
    np.testing.assert_array_equal(read_label_png(path), expected)
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["a.png", "b.png"]


def test_probabilities_and_instances(cli: Cli, model: Path, images: Path, tmp_path: Path) -> None:
    assert (
        cli(
            "predict",
            model / "model.pt",
            images / "a.png",
            "--out",
            tmp_path / "out",
            "--probabilities",
            "--instances",
        )[0]
        == 0
    )
    probs = tifffile.imread(tmp_path / "out" / "a_probabilities.tif")
    assert (probs.shape, probs.dtype) == ((2, 40, 50), np.float32)
    labels = read_label_png(tmp_path / "out" / "a.png")
    np.testing.assert_array_equal(probs.argmax(0), labels)
    instances = tifffile.imread(tmp_path / "out" / "a_instances.tif")
    assert instances.dtype == np.uint16
    assert not instances[labels == 0].any()


def test_instances_follow_the_clicks_of_a_project(
    cli: Cli, model: Path, images: Path, tmp_path: Path
) -> None:
    project = Project.create(tmp_path / "project", [images / "a.png"], CLASSES)
    labels = Predictor.from_folder(model, "cpu").predict(project.read_image("a"))
    cells = np.argwhere(labels == 1)
    project.write_clicks("a", ClickSet(40, 50, cells, np.ones(len(cells))))
    assert cli("predict", model, project.path, "--out", tmp_path / "out", "--instances")[0] == 0
    assert tifffile.imread(tmp_path / "out" / "a_instances.tif").max() == len(cells)


def test_a_second_call_takes_the_job_up_again(
    cli: Cli, model: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    cli("predict", model, images / "a.png", "--out", out)
    (out / "a.png").write_bytes(b"mine")
    status, _, err = cli("predict", model, images, "--out", out)
    assert status == 0
    assert "1 image predicted" in err and "1 passed over" in err
    assert (out / "a.png").read_bytes() == b"mine"
    assert cli("predict", model, images, "--out", out, "--overwrite")[0] == 0
    assert read_label_png(out / "a.png").shape == (40, 50)


def test_a_stack_becomes_a_stack_of_labels(cli: Cli, model: Path, tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (20, 30, 40), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", stack, metadata={"axes": "ZYX"})
    assert cli("predict", model, tmp_path / "stack.tif", "--out", tmp_path / "out")[0] == 0
    with tifffile.TiffFile(tmp_path / "out" / "stack.tif") as tif:
        assert len(tif.pages) == 20
        labels = np.stack([page.asarray() for page in tif.pages])
    predictor = Predictor.from_folder(model, "cpu")
    np.testing.assert_array_equal(labels[7], predictor.predict(stack[7]))


def test_instances_and_probabilities_of_a_stack(cli: Cli, model: Path, tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (5, 30, 40), dtype=np.uint8)
    tifffile.imwrite(
        tmp_path / "stack.tif", stack, photometric="minisblack", metadata={"axes": "ZYX"}
    )
    out = tmp_path / "out"
    assert (
        cli(
            "predict", model, tmp_path / "stack.tif", "--out", out, "--instances", "--probabilities"
        )[0]
        == 0
    )
    labels, instances, probs = (
        tifffile.imread(out / f"stack{ending}.tif")
        for ending in ("", "_instances", "_probabilities")
    )
    assert (instances.shape, instances.dtype, probs.shape) == ((5, 30, 40), np.uint16, (10, 30, 40))
    for plane, page in enumerate(labels):
        np.testing.assert_array_equal(instances[plane], instances_from_shape(page))
        np.testing.assert_array_equal(probs[2 * plane : 2 * plane + 2].argmax(axis=0), page)


def test_what_is_asked_for_later_leaves_labels_corrected_by_hand(
    cli: Cli, model: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("predict", model, images / "a.png", "--out", out)
    cli(*words)
    corrected = np.zeros((40, 50), np.uint8)
    corrected[5:15, 5:15] = corrected[25:35, 30:40] = 1
    write_label_png(out / "a.png", corrected, CLASSES)
    before = (out / "a.png").read_bytes()
    assert "1 image predicted" in cli(*words, "--instances")[2]
    np.testing.assert_array_equal(
        tifffile.imread(out / "a_instances.tif"), instances_from_shape(corrected)
    )
    (out / "a_instances.tif").write_bytes(b"mine")
    assert "1 image predicted" in cli(*words, "--instances", "--probabilities")[2]
    probs = Predictor.from_folder(model, "cpu").predict_probs(
        np.asarray(Image.open(images / "a.png"))
    )
    np.testing.assert_allclose(tifffile.imread(out / "a_probabilities.tif"), probs, atol=1e-5)
    assert ((out / "a.png").read_bytes(), (out / "a_instances.tif").read_bytes()) == (
        before,
        b"mine",
    )
    assert "1 passed over" in cli(*words, "--instances", "--probabilities")[2]
    assert cli(*words, "--instances", "--overwrite")[0] == 0
    labels = read_label_png(out / "a.png")
    np.testing.assert_array_equal(labels, probs.argmax(0))
    np.testing.assert_array_equal(
        tifffile.imread(out / "a_instances.tif"), instances_from_shape(labels)
    )


def test_labels_of_another_size_are_no_labels_of_the_image(
    cli: Cli, model: Path, images: Path, tmp_path: Path
) -> None:
    write_label_png(tmp_path / "out" / "a.png", np.ones((20, 20), np.uint8), CLASSES)
    status, _, err = cli(
        "predict", model, images / "a.png", "--out", tmp_path / "out", "--instances"
    )
    assert status == 2
    assert (
        "a.png: 20 x 20 pixels (height x width), but the image has 40 x 50; restore the labels, or"
        in err
    )


@pytest.mark.parametrize(
    "options", [{"photometric": "minisblack"}, {"imagej": True, "metadata": {"axes": "ZYX"}}]
)
def test_instances_of_a_stack_later_come_from_its_corrected_labels(
    cli: Cli, model: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (5, 30, 40), dtype=np.uint8)
    tifffile.imwrite(
        tmp_path / "stack.tif", stack, photometric="minisblack", metadata={"axes": "ZYX"}
    )
    out = tmp_path / "out"
    words = ("predict", model, tmp_path / "stack.tif", "--out", out)
    cli(*words)
    labels = tifffile.imread(out / "stack.tif")
    assert cli(*words, "--instances")[0] == 0
    first = tifffile.imread(out / "stack_instances.tif")
    np.testing.assert_array_equal(first, [instances_from_shape(page) for page in labels])
    (out / "stack_instances.tif").unlink()
    labels[:, 10:20, 10:20] = 1
    tifffile.imwrite(out / "stack.tif", labels, **options)
    before = (out / "stack.tif").read_bytes()
    assert cli(*words, "--instances", "--probabilities")[0] == 0
    later = tifffile.imread(out / "stack_instances.tif")
    np.testing.assert_array_equal(later, [instances_from_shape(page) for page in labels])
    assert tifffile.imread(out / "stack_probabilities.tif").shape == (10, 30, 40)
    assert (out / "stack.tif").read_bytes() == before
    (out / "stack_instances.tif").unlink()
    tifffile.imwrite(out / "stack.tif", labels[:3], photometric="minisblack")
    status, _, err = cli(*words, "--instances")
    assert status == 2
    assert (
        "stack.tif: expected 5 pages of 30 x 40 class ids (height x width), got 3 x 30 x 40 uint8"
        " values" in err
    )


def test_masks_of_a_project_are_found_by_evaluate(
    cli: Cli, model: Path, images: Path, tmp_path: Path
) -> None:
    Image.open(images / "a.png").save(images / "field1.ome.tif")
    project = Project.create(tmp_path / "project", [images / "field1.ome.tif"], CLASSES)
    write_label_png(project.truth_path("field1.ome"), np.zeros((40, 50), np.uint8), CLASSES)
    cli("predict", model, project.path, "--out", tmp_path / "out")
    assert cli("evaluate", tmp_path / "out", project.path, "--split", "all", "--json")[0] == 0


def test_a_bad_image_does_not_stop_the_others(
    cli: Cli, model: Path, images: Path, tmp_path: Path
) -> None:
    (images / "a.png").write_bytes((images / "a.png").read_bytes()[:60])
    status, _, err = cli("predict", model, images, "--out", tmp_path / "out")
    assert status == 2
    assert "a.png: damaged or cut short" in err and "1 not predicted" in err
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["b.png"]


def lzw_without_imagecodecs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An intact stack of 20 planes, which tifffile does not decode by itself."""
    planes = [
        Image.fromarray(plane)
        for plane in np.random.default_rng(0).integers(0, 255, (20, 30, 40), dtype=np.uint8)
    ]
    planes[0].save(path, save_all=True, append_images=planes[1:], compression="tiff_lzw")

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", refuse)


def test_a_bad_stack_does_not_stop_the_others(
    cli: Cli, model: Path, images: Path, tmp_path: Path
) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (20, 30, 40), dtype=np.uint8)
    tifffile.imwrite(images / "a_cut.tif", stack, metadata={"axes": "ZYX"})
    (images / "a_cut.tif").write_bytes((images / "a_cut.tif").read_bytes()[:9000])
    status, _, err = cli(
        "predict", model, images, "--out", tmp_path / "out", "--instances", "--probabilities"
    )
    assert status == 2
    assert (
        "a_cut.tif: " in err
        and "the pages that are there" in err
        and "2 images predicted" in err
        and "1 not predicted" in err
    )
    assert not list((tmp_path / "out").glob("*a_cut*"))
    assert len(list((tmp_path / "out").iterdir())) == 6


def test_a_stack_that_needs_a_package_says_which(
    cli: Cli, model: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lzw_without_imagecodecs(images / "a_lzw.tif", monkeypatch)
    status, _, err = cli("predict", model, images, "--out", tmp_path / "out")
    assert status == 2
    assert (
        "a_lzw.tif: its compression needs another package; pip install imagecodecs, or save it"
        " uncompressed" in err
    )
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    with pytest.raises(DatasetError, match=r"a_lzw\.tif: its compression needs another package"):
        Project.create(tmp_path / "p", [images / "a_lzw.tif"], CLASSES)
    assert not (tmp_path / "p").exists()


def test_a_one_pixel_image(cli: Cli, model: Path, tmp_path: Path) -> None:
    Image.fromarray(np.array([[7]], np.uint8)).save(tmp_path / "dot.png")
    assert (
        cli("predict", model, tmp_path / "dot.png", "--out", tmp_path / "out", "--instances")[0]
        == 0
    )
    assert read_label_png(tmp_path / "out" / "dot.png").shape == (1, 1)


def test_an_ome_zarr_needs_no_folder(cli: Cli, model: Path, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    group.create_array("0", shape=(40, 50), chunks=(40, 50), dtype="uint8")[:] = 9
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "0"}]}],
    }
    status, _, err = cli("predict", model, tmp_path / "a.zarr")
    assert status == 0 and "1 image predicted" in err
    assert zarr.open_array(
        str(tmp_path / "a.zarr" / "labels" / "seminar" / "0"), mode="r"
    ).shape == (40, 50)
    assert "1 passed over" in cli("predict", model, tmp_path / "a.zarr")[2]
    assert "1 image predicted" in cli("predict", model, tmp_path / "a.zarr", "--instances")[2]
    instances = zarr.open_array(
        str(tmp_path / "a.zarr" / "labels" / "seminar_instances" / "0"), mode="r"
    )
    assert (instances.shape, instances.dtype) == ((40, 50), np.uint32)
    assert "1 passed over" in cli("predict", model, tmp_path / "a.zarr", "--instances")[2]
    status, _, err = cli("predict", model, tmp_path / "a.zarr", "--probabilities")
    assert status == 2 and "give one with --out" in err
    words = ("predict", model, tmp_path / "a.zarr", "--out", tmp_path / "out", "--probabilities")
    assert "1 image predicted" in cli(*words)[2]
    probs = zarr.open_array(str(tmp_path / "out" / "a_probabilities.zarr" / "0"), mode="r")[...]
    np.testing.assert_allclose(probs.sum(axis=0), 1, atol=1e-5)
    assert "1 passed over" in cli(*words)[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["MODEL", "absent.png", "--out", "out"], "absent.png: no such file or folder"),
        (["nowhere", "images", "--out", "out"], "nowhere: no such run or model"),
        (["images", "images", "--out", "out"], "this run has no model yet"),
        (["images/a.png", "images", "--out", "out"], "not a readable seminar-model file"),
        (["MODEL", "images"], "--out: expected the folder"),
        (["MODEL", "images", "--out", "images"], "labels must not replace them"),
        (
            ["MODEL", "images", "--out", "out", "--tile-size", "100"],
            "--tile-size 100: expected a multiple of 16",
        ),
        (
            ["MODEL", "images", "--out", "out", "--device", "abacus"],
            "device 'abacus': not usable here",
        ),
        (
            ["MODEL", "rgb.png", "--out", "out"],
            "rgb.png: the model takes 1 channels, the image has 3",
        ),
        (["MODEL", "nan.tif", "--out", "out"], "nan.tif: "),
    ],
)
def test_mistakes_are_a_sentence_and_exit_2(
    cli: Cli,
    model: Path,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save("rgb.png")
    tifffile.imwrite("stack.tif", np.zeros((20, 30, 40), np.uint8), metadata={"axes": "ZYX"})
    tifffile.imwrite("nan.tif", np.full((30, 40), np.nan, np.float32))
    status, out, err = cli("predict", *(model if word == "MODEL" else word for word in words))
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not Path("out").exists() or not list(Path("out").iterdir())


def test_a_full_disk_leaves_nothing_half_written(
    cli: Cli, model: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seminar.io.files.os.fsync", full)
    status, _, err = cli("predict", model, images, "--out", tmp_path / "out")
    assert status == 2
    assert "No space left on device" in err
    assert not list((tmp_path / "out").iterdir())
    shutil.rmtree(tmp_path / "out")
