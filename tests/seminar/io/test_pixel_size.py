"""How large a pixel is: what OME-XML, ImageJ and resolutions say, and what is not believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from seminar.errors import DatasetError
from seminar.io.pixel_size import PixelSize, read_pixel_size

IMAGE = np.arange(600, dtype=np.uint16).reshape(20, 30)


def ome(**sizes: object) -> dict[str, Any]:
    return {"metadata": {"axes": "YX", **sizes}}


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("a.ome.tif", ome(PhysicalSizeX=0.25, PhysicalSizeY=0.5), (0.5, 0.25)),
        (
            "a.ome.tif",
            ome(
                PhysicalSizeX=250.0,
                PhysicalSizeXUnit="nm",
                PhysicalSizeY=0.0005,
                PhysicalSizeYUnit="mm",
            ),
            (0.5, 0.25),
        ),
        ("a.ome.tif", ome(PhysicalSizeX=3.0, PhysicalSizeXUnit="pixel"), None),
        ("a.ome.tif", ome(), None),
        (
            "a.tif",
            {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "micron"}},
            (0.5, 0.25),
        ),
        ("a.tif", {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "pixel"}}, None),
        ("a.tif", {"imagej": True}, None),
        ("a.tif", {"resolution": (40_000, 20_000), "resolutionunit": "CENTIMETER"}, (0.5, 0.25)),
        ("a.tif", {"resolution": (72, 72), "resolutionunit": "INCH"}, None),
        ("a.tif", {}, None),
    ],
)
def test_pixel_sizes_of_tifs(
    tmp_path: Path, name: str, options: dict[str, Any], expected: tuple[float, float] | None
) -> None:
    tifffile.imwrite(tmp_path / name, IMAGE, **options)
    found = read_pixel_size(tmp_path / name)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found.height, found.width) == pytest.approx(expected)


def test_the_micrometre_as_imagej_writes_it(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        IMAGE,
        imagej=True,
        resolution=(4, 4),
        metadata={"unit": "\\u00B5m"},
    )
    assert read_pixel_size(tmp_path / "a.tif") == PixelSize(0.25, 0.25)


def test_a_png_knows_printers_only(tmp_path: Path) -> None:
    Image.fromarray(IMAGE.astype(np.uint8)).save(tmp_path / "a.png", dpi=(300, 300))
    assert read_pixel_size(tmp_path / "a.png") is None


def test_a_damaged_tif_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(DatasetError, match="tif"):
        read_pixel_size(tmp_path / "a.tif")
