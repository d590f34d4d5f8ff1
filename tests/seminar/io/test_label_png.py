"""Label maps as indexed PNGs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from PIL import Image

from seminar.errors import DatasetError
from seminar.io.label_png import (
    png_size,
    read_label_png,
    read_object_png,
    read_png_note,
    write_label_png,
)
from seminar.labels import ClassNames

CLASSES = ClassNames.parse("background\nnucleus #ff8000\n")


@given(labels=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=30)))
def test_every_value_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray
) -> None:
    path = tmp_path_factory.getbasetemp() / "labels.png"
    write_label_png(path, labels, CLASSES, durable=False)
    assert (read_label_png(path) == labels).all()
    assert read_label_png(path).dtype == np.uint8
    assert png_size(path) == labels.shape


def test_other_programs_see_the_colours_of_the_classes(tmp_path: Path) -> None:
    write_label_png(tmp_path / "a.png", np.array([[0, 1, 255]]), CLASSES)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        assert np.asarray(image.convert("RGB")).tolist() == [
            [[0, 0, 0], [255, 128, 0], [224, 224, 192]]
        ]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_colours_in_few_bits_are_read(tmp_path: Path, bits: int) -> None:
    labels = np.arange(2**bits, dtype=np.uint8).reshape(2, -1)
    image = Image.fromarray(labels)
    image.putpalette(CLASSES.palette().tobytes())
    image.save(tmp_path / "a.png", bits=bits)
    assert (read_label_png(tmp_path / "a.png") == labels).all()


def test_grey_and_black_and_white_masks_are_read(tmp_path: Path) -> None:
    labels = np.array([[0, 1], [255, 1]], dtype=np.uint8)
    Image.fromarray(labels).save(tmp_path / "grey.png")
    Image.fromarray(labels > 0).save(tmp_path / "binary.png")
    assert (read_label_png(tmp_path / "grey.png") == labels).all()
    assert (read_label_png(tmp_path / "binary.png") == (labels > 0)).all()


@pytest.mark.parametrize(
    ("pixels", "kind"),
    [
        (np.zeros((3, 4), np.uint16), "16-bit grey"),
        (np.zeros((3, 4, 3), np.uint8), "8-bit colour"),
        (np.zeros((3, 4, 4), np.uint8), "8-bit colour"),
    ],
)
def test_other_pngs_are_refused(tmp_path: Path, pixels: np.ndarray, kind: str) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(
        DatasetError,
        match=rf"a\.png: expected an indexed or 8-bit grey PNG of class ids, got {kind}; save it",
    ):
        read_label_png(tmp_path / "a.png")


def test_a_damaged_or_missing_mask_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_label_png(path, np.random.default_rng(0).integers(0, 200, (50, 50)), CLASSES)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DatasetError, match=r"a\.png: damaged or cut short"):
        read_label_png(path)
    with pytest.raises(DatasetError, match=r"b\.png: no such file"):
        read_label_png(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"GIF89a")
    with pytest.raises(DatasetError, match=r"c\.png: damaged"):
        read_label_png(tmp_path / "c.png")


def test_object_numbers_of_any_depth(tmp_path: Path) -> None:
    numbers = np.array([[0, 1, 60_000]], dtype=np.uint16)
    Image.fromarray(numbers).save(tmp_path / "deep.png")
    colours = np.array([[[0, 0, 0], [255, 0, 0], [255, 0, 1]]], dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "colour.png")
    write_label_png(tmp_path / "indexed.png", np.array([[0, 7, 255]]), CLASSES)
    assert read_object_png(tmp_path / "deep.png").tolist() == [[0, 1, 60_000]]
    red, other = read_object_png(tmp_path / "colour.png")[0, 1:].tolist()
    assert 0 != red != other != 0
    assert read_object_png(tmp_path / "indexed.png").tolist() == [[0, 7, 255]]
    assert read_object_png(tmp_path / "deep.png").dtype == np.int32


def test_colours_of_objects_are_told_apart_by_each_of_their_three_values(tmp_path: Path) -> None:
    colours = np.array(
        [
            [0, 0, 0],
            [1, 0, 0],
            [0, 1, 0],
            [0, 0, 1],
            [1, 1, 0],
            [0, 2, 0],
            [2, 0, 0],
            [255, 255, 255],
        ]
    )
    Image.fromarray(colours[None].astype(np.uint8)).save(tmp_path / "rgb.png")
    alpha = np.arange(8)[:, None] * 30
    Image.fromarray(np.hstack([colours, alpha])[None].astype(np.uint8)).save(tmp_path / "rgba.png")
    for name in ("rgb.png", "rgba.png"):
        numbers = read_object_png(tmp_path / name)[0].tolist()
        assert numbers[0] == 0
        assert len(set(numbers)) == 8


def test_a_note_is_kept_and_changes_no_value(tmp_path: Path) -> None:
    labels = np.array([[0, 1], [254, 255], [7, 0]])
    write_label_png(tmp_path / "a.png", labels, CLASSES, note="made from this")
    write_label_png(tmp_path / "b.png", labels, CLASSES)
    assert [read_png_note(tmp_path / name) for name in ("a.png", "b.png")] == ["made from this", ""]
    assert (
        read_label_png(tmp_path / "a.png").tolist()
        == read_label_png(tmp_path / "b.png").tolist()
        == labels.tolist()
    )


def test_ids_beyond_the_classes_have_the_colours_of_voc(tmp_path: Path) -> None:
    """3 is (128, 128, 0) in the colour map of PASCAL VOC, 20 (0, 64, 128)."""
    write_label_png(tmp_path / "a.png", np.array([[3, 20]]), CLASSES)
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image.convert("RGB")).tolist() == [[[128, 128, 0], [0, 64, 128]]]
