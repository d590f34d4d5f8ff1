"""The images of an OME-Zarr are found by its metadata, whatever its writer calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seminar.io.ome_zarr_layouts import groups_above, images_in, is_zarr, zarr_root


def group(path: Path, zarr_format: int, **attributes: Any) -> Path:
    """A group with attributes, as far as its metadata go."""
    path.mkdir(parents=True, exist_ok=True)
    if zarr_format == 2:
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps(attributes))
    else:
        described = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": attributes}}
        (path / "zarr.json").write_text(json.dumps(described))
    return path


def image(path: Path, zarr_format: int) -> Path:
    (path / "0" / "0").mkdir(parents=True)
    (path / "0" / "0" / "0").write_bytes(b"")
    return group(path, zarr_format, multiscales=[{}])


@pytest.fixture(params=[2, 3])
def zarr_format(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.parametrize("name", ["a.zarr", "a.ZARR", "a", "a.ome"])
def test_an_image_by_any_name(tmp_path: Path, name: str, zarr_format: int) -> None:
    path = image(tmp_path / name, zarr_format)
    assert is_zarr(path)
    assert images_in(path) == [path]
    assert not is_zarr(tmp_path)


def test_the_layout_of_bioformats2raw(tmp_path: Path, zarr_format: int) -> None:
    root = group(tmp_path / "a.zarr", zarr_format, **{"bioformats2raw.layout": 3})
    group(root / "OME", zarr_format, series=["0"])
    images = [image(root / str(number), zarr_format) for number in (10, 0, 2)]
    group(images[1] / "labels", zarr_format, labels=["cells"])
    image(images[1] / "labels" / "cells", zarr_format)
    assert images_in(root) == [root / "0", root / "2", root / "10"]
    assert images_in(root / "2") == [root / "2"]


def test_a_plate_of_which_a_well_was_not_copied(tmp_path: Path, zarr_format: int) -> None:
    wells = [{"path": "A/1"}, {"path": "A/2"}]
    root = group(tmp_path / "plate", zarr_format, plate={"wells": wells})
    row = group(root / "A", zarr_format)
    well = group(row / "2", zarr_format, well={"images": [{"path": "0"}, {"path": "1"}]})
    fields = [image(well / str(number), zarr_format) for number in range(2)]
    assert images_in(root) == images_in(well) == fields


def test_without_an_image_it_is_itself_what_a_reader_complains_of(tmp_path: Path) -> None:
    empty = tmp_path / "a.zarr"
    empty.mkdir()
    assert is_zarr(empty) and images_in(empty) == [empty]
    (empty / "zarr.json").write_text("{")
    assert images_in(empty) == [empty]


def test_arrays_are_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = group(tmp_path / "a.zarr", 2)
    (root / "x").mkdir()
    (root / "x" / ".zarray").write_text("{}")
    image(root / "x" / "0", 2)
    assert images_in(root) == [root]


def test_a_link_in_a_circle_ends(tmp_path: Path) -> None:
    root = group(tmp_path / "a.zarr", 2)
    (root / "b").symlink_to(root)
    assert images_in(root) == [root]


def test_root_and_groups_above(tmp_path: Path, zarr_format: int) -> None:
    root = group(tmp_path / "plate.zarr", zarr_format)
    row = group(root / "A", zarr_format)
    field = image(row / "1", zarr_format)
    assert zarr_root(field) == zarr_root(root) == root
    assert groups_above(field) == [field, row, root]
