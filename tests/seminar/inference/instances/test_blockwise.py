"""Objects of a label image that is divided block by block: those that are found in memory."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from seminar.inference.instances import blockwise
from seminar.inference.instances.blockwise import divide_large
from seminar.inference.instances.divide import instances_from_shape
from seminar.inference.instances.rules import MIN_AREA, Joining, Rules
from seminar.io.large_images import open_source
from seminar.io.ome_zarr_writer import create, finish, full_array, output_of
from seminar.labels import ClassNames

zarr = pytest.importorskip("zarr")


def labelled(folder: Path, labels: np.ndarray) -> Path:
    """An OME-Zarr image with these labels in it, as `predict_large` leaves it."""
    path = folder / "a.zarr"
    group = zarr.create_group(str(path))
    axes = [{"name": axis, "type": "space"} for axis in "zyx"[-labels.ndim :]]
    group.create_array("0", data=labels, chunks=(1, 32, 32)[-labels.ndim :])
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}],
    }
    output = output_of(open_source(path), None)
    create(output, 64)
    full_array(output.target)[...] = labels
    finish(output, 64, ClassNames.of("background", "cell", "other"))
    return path


def divided(path: Path, block: int, rules: Rules | None = None) -> np.ndarray:
    assert divide_large(path, labels=None, out=None, block=block, rules=rules)
    found: np.ndarray = zarr.open_array(str(path / "labels" / "seminar_instances" / "0"), mode="r")[
        ...
    ]
    return found


def assert_same_objects(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal but for the numbers, which have no gap."""
    pairs = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1)
    numbers = np.arange(int(expected.max()) + 1)
    np.testing.assert_array_equal(np.sort(pairs[0]), numbers)
    np.testing.assert_array_equal(np.sort(pairs[1]), numbers)
    assert [0, 0] in pairs.T.tolist()


def discs(shape: tuple[int, int], count: int, radius: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows, cols = np.indices(shape)
    labels = np.zeros(shape, np.uint8)
    for row, col, class_id in zip(
        rng.integers(0, shape[0], count),
        rng.integers(0, shape[1], count),
        rng.integers(1, 3, count),
        strict=True,
    ):
        labels[(rows - row) ** 2 + (cols - col) ** 2 < rng.integers(2, radius) ** 2] = class_id
    return labels


@pytest.mark.parametrize("block", [64, 96])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_patches_that_fit_are_divided_as_in_memory(tmp_path: Path, seed: int, block: int) -> None:
    labels = discs((230, 250), 70, 10, seed)
    joining = Joining((1, 0, -1, 0, 1, 5, 0), 3.0) if seed else None
    rules = Rules(MIN_AREA + 20 * seed, joining)
    found = divided(labelled(tmp_path, labels), block, rules)
    assert_same_objects(found, instances_from_shape(labels, rules))
    if joining:
        assert (instances_from_shape(labels, Rules(rules.min_area)) != found).any()


def touching(rows: int, cols: int) -> np.ndarray:
    """A carpet of discs that all touch, not quite in a grid: one patch as large as the image."""
    rng, places = np.random.default_rng(0), np.indices((rows, cols))
    labels = np.zeros((rows, cols), np.uint8)
    for row, col in itertools.product(range(10, rows, 20), range(10, cols, 20)):
        centre = np.array([row, col]) + rng.uniform(-1.5, 1.5, 2)
        labels[np.hypot(*(places - centre[:, None, None])) < 11.8] = 1
    return labels


def test_a_patch_larger_than_a_block_is_divided_as_in_memory_away_from_seams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blockwise, "HALO", 32)
    labels = touching(200, 240)
    found, expected = divided(labelled(tmp_path, labels), 96), instances_from_shape(labels)
    np.testing.assert_array_equal(found > 0, labels > 0)
    assert expected.max() > 100
    assert abs(int(found.max()) - int(expected.max())) < 0.1 * expected.max()
    away = np.ones(labels.shape, dtype=bool)
    for seam in (96, 192):
        away[seam - 20 : seam + 20] = away[:, seam - 20 : seam + 20] = False
    compared = 0
    for number in np.unique(expected[away & (expected > 0)]):
        inside = expected == number
        if away[inside].all():
            same = found == np.bincount(found[inside]).argmax()
            assert (same & inside).sum() > 0.9 * (
                same | inside
            ).sum()  # pixels as near to two objects fall to either
            compared += 1
    assert compared > 20


def test_a_class_that_fills_the_image_is_one_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blockwise, "HALO", 16)
    assert divided(labelled(tmp_path, np.ones((200, 200), np.uint8)), 64).min() == 1


def test_planes_are_numbered_one_by_one(tmp_path: Path) -> None:
    labels = np.stack([discs((90, 70), 12, 9, seed) for seed in (3, 4)])
    path = labelled(tmp_path, labels)
    found = divided(path, 64)
    for plane in (0, 1):
        assert_same_objects(found[plane], instances_from_shape(labels[plane]))
    assert zarr.open_group(str(path / "labels"), mode="r").attrs["ome"]["labels"] == [
        "seminar",
        "seminar_instances",
    ]


def test_nothing_predicted_gives_no_objects_and_what_exists_is_passed_over(tmp_path: Path) -> None:
    path = labelled(tmp_path, np.zeros((70, 80), np.uint8))
    assert divided(path, 64).max() == 0
    assert not divide_large(path, labels=None, out=None)
    assert divide_large(path, labels=None, out=None, overwrite=True)
