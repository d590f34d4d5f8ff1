"""A picture is read as viewers show it, whichever orientation its camera has noted."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image, ImageOps

from seminar.io.images import image_header, image_size, read_image

ORIENTATION = 0x0112
PIXELS = np.random.default_rng(0).integers(0, 255, (12, 17, 3), dtype=np.uint8)


def png_of_16_bit(pixels: npt.NDArray[np.uint16]) -> bytes:
    """A colour PNG of 16 bit, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    lines = pixels.astype(">u2").reshape(len(pixels), -1)
    data = zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines))
    header = struct.pack(">IIBBBBB", pixels.shape[1], len(pixels), 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def noted(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_as_pillow_turns_it(tmp_path: Path, ending: str, orientation: int) -> None:
    path = tmp_path / f"a.{ending}"
    Image.fromarray(PIXELS).save(path, exif=noted(orientation))
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert (read_image(path) == expected).all()
    assert image_size(path) == expected.shape[:2]
    assert image_header(path).turning == ("done" if orientation > 1 else "")


def test_16_bit_colour_too(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "8.png", exif=noted(6))
    note = (tmp_path / "8.png").read_bytes()
    start = note.index(b"eXIf") - 4
    note = note[start : start + 12 + int.from_bytes(note[start : start + 4], "big")]
    pixels = PIXELS.astype(np.uint16) * 200
    data = png_of_16_bit(pixels)
    end_of_header = 8 + 25
    (tmp_path / "a.png").write_bytes(data[:end_of_header] + note + data[end_of_header:])
    assert (read_image(tmp_path / "a.png") == np.rot90(pixels, -1)).all()


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_is_none_is_ignored(tmp_path: Path, orientation: int) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=noted(orientation))
    assert (read_image(tmp_path / "a.png") == PIXELS).all()
    assert image_header(tmp_path / "a.png").turning == ""


def test_a_damaged_note_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path, exif=b"Exif\0\0no tif")
    assert (read_image(path) == PIXELS).all()


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_tif_is_read_as_stored_by_either_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int
) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(PIXELS).save(path, compression="tiff_lzw", tiffinfo={ORIENTATION: orientation})
    assert image_size(path) == PIXELS.shape[:2]
    assert image_header(path).turning == "ignored"
    assert (read_image(path) == PIXELS).all()

    def without_imagecodecs(*_: object, **__: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", without_imagecodecs)
    assert (read_image(path) == PIXELS).all()
    with Image.open(path) as image:  # what it is shielded from
        assert not np.array_equal(np.asarray(image), PIXELS)
