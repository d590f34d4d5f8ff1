"""OME-Zarr written by us: what viewers are told of its size, at every level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seminar.io import ome_zarr_writer
from seminar.io.large_images import open_source
from seminar.io.ome_zarr_writer import create, finish, full_array, is_finished, output_of, remove

zarr = pytest.importorskip("zarr")

SIZES = {"t": 7.0, "c": 1.0, "z": 2.5, "y": 0.5, "x": 0.25}
"""Of a pixel, as the microscope noted it."""


def write_stack(path: Path, axes: str, version: str) -> Path:
    """An OME-Zarr of two or three planes of 40 x 90 pixels, without coarser levels."""
    shape = tuple({"t": 2, "c": 1, "z": 3, "y": 40, "x": 90}[axis] for axis in axes)
    group = zarr.create_group(str(path), zarr_format=2 if version == "0.4" else 3)
    group.create_array("0", shape=shape, chunks=shape, dtype="uint8")[:] = 1
    kinds = {"t": "time", "c": "channel"}
    scale = {"type": "scale", "scale": [SIZES[axis] for axis in axes]}
    multiscales = {
        "axes": [{"name": axis, "type": kinds.get(axis, "space")} for axis in axes],
        "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
    }
    if version == "0.4":
        group.attrs["multiscales"] = [multiscales | {"version": version}]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [multiscales]}
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("channels", [0, 2])
@pytest.mark.parametrize(
    ("axes", "with_channels"), [("yx", "cyx"), ("tyx", "tcyx"), ("czyx", "czyx")]
)
def test_coarser_levels_are_coarser_in_row_and_column_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    axes: str,
    with_channels: str,
    channels: int,
    version: str,
) -> None:
    monkeypatch.setattr(ome_zarr_writer, "SMALLEST_LEVEL", 30)
    source = open_source(write_stack(tmp_path / "a.zarr", axes, version))
    out = tmp_path / "probabilities.zarr" if channels else None
    output = output_of(source, out, channels=channels)
    create(output, 16)
    array = full_array(output.target)
    array[:] = np.random.default_rng(0).integers(0, 3, array.shape)
    assert not is_finished(output)
    finish(output, 16)
    assert is_finished(output)
    group = zarr.open_group(str(output.target), mode="r")
    described = group.attrs.asdict() if version == "0.4" else group.attrs["ome"]
    (multiscales,) = described["multiscales"]
    names = "".join(axis["name"] for axis in multiscales["axes"])
    assert names == (with_channels if channels else axes.replace("c", ""))
    assert [level["path"] for level in multiscales["datasets"]] == ["0", "1", "2"]
    for number, level in enumerate(multiscales["datasets"]):
        (found,) = level["coordinateTransformations"]
        step = 2**number
        assert found["scale"] == [SIZES[name] * (step if name in "yx" else 1) for name in names]
        np.testing.assert_array_equal(group[level["path"]][:], array[..., ::step, ::step])
    remove(output)
    assert not output.target.exists()
