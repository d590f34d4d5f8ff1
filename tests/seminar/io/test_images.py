"""Image files of many kinds become (H, W, C) arrays."""

from __future__ import annotations

import contextlib
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seminar.errors import DatasetError
from seminar.io.images import (
    MAX_PIXELS,
    ImageHeader,
    image_header,
    image_size,
    looks_whole,
    read_image,
)
from seminar.io.intensities import to_float

HEIGHT, WIDTH = 12, 17


def noise(*shape: int, dtype: str = "uint8") -> npt.NDArray[Any]:
    values = np.random.default_rng(0).uniform(0, 255 if dtype == "uint8" else 65535, shape)
    return values.astype(dtype)


def png(
    pixels: npt.NDArray[Any],
    colour_type: int,
    depth: int,
    *,
    filter_type: int = 0,
    size: tuple[int, int] | None = None,
) -> bytes:
    """A PNG of any depth and colour type, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width = size or pixels.shape[:2]
    lines = np.frombuffer(
        pixels.astype(">u2" if depth == 16 else "u1").tobytes(), np.uint8
    ).reshape(pixels.shape[0], -1)
    above = (
        np.vstack([np.zeros_like(lines[:1]), lines[:-1]])
        if filter_type == 2
        else np.zeros_like(lines)
    )
    data = b"".join(bytes([filter_type]) + line.tobytes() for line in lines - above)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_8_bit_images_are_read_as_stored(tmp_path: Path, channels: int, ending: str) -> None:
    pixels = noise(HEIGHT, WIDTH, channels)
    path = saved(tmp_path / f"a{ending}", Image.fromarray(pixels.squeeze()))
    image = read_image(path)
    assert image.dtype == np.uint8
    assert (image == pixels).all()
    assert image_header(path) == ImageHeader(HEIGHT, WIDTH, channels, is_float=False)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpg_is_read_close_to_what_was_saved(tmp_path: Path, channels: int) -> None:
    pixels = np.full((HEIGHT, WIDTH, channels), 77, dtype=np.uint8)
    path = saved(tmp_path / "a.jpg", Image.fromarray(pixels.squeeze()), quality=95)
    assert read_image(path).shape == pixels.shape
    assert np.abs(read_image(path).astype(int) - 77).max() <= 2
    assert image_size(path) == (HEIGHT, WIDTH)


@pytest.mark.parametrize(("mode", "channels"), [("RGBA", 3), ("LA", 1)])
def test_transparency_is_dropped(tmp_path: Path, mode: str, channels: int) -> None:
    pixels = noise(HEIGHT, WIDTH, channels + 1)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels, mode))
    assert (read_image(path) == pixels[:, :, :channels]).all()
    assert image_header(path).channels == channels


def test_channels_are_red_green_blue_whatever_the_transparency(tmp_path: Path) -> None:
    """Transparent pixels keep their colours."""
    colours = np.array([[[250, 20, 3], [10, 240, 30], [1, 2, 230]]], dtype=np.uint8)
    for alpha in (0, 100, 255):
        rgba = np.dstack([colours, np.full((1, 3, 1), alpha, np.uint8)])
        assert (read_image(saved(tmp_path / "a.png", Image.fromarray(rgba))) == colours).all()
        assert (read_image(saved(tmp_path / "a.tif", Image.fromarray(rgba))) == colours).all()


@pytest.mark.parametrize("transparency", [bytes([0, 100, 255]), 1])
def test_a_palette_with_transparency_becomes_rgb(tmp_path: Path, transparency: bytes | int) -> None:
    """Without Pillow's warning, which people would see and tests fail of."""
    colours = np.array([[[250, 20, 3], [10, 240, 30], [1, 2, 230]]], dtype=np.uint8)
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    palette.putpalette(colours.tobytes())
    path = saved(tmp_path / "p.png", palette, transparency=transparency)
    assert (read_image(path) == colours).all()
    assert image_header(path).channels == 3


def test_a_palette_becomes_rgb(tmp_path: Path) -> None:
    image = Image.fromarray(noise(HEIGHT, WIDTH) % 3).convert("P")
    image.putpalette([1, 2, 3, 40, 50, 60, 255, 0, 7])
    path = saved(tmp_path / "a.png", image)
    assert (
        read_image(path)
        == np.array([[1, 2, 3], [40, 50, 60], [255, 0, 7]])[noise(HEIGHT, WIDTH) % 3]
    ).all()
    assert image_header(path).channels == 3


def test_black_and_white_becomes_0_and_255(tmp_path: Path) -> None:
    pixels = noise(HEIGHT, WIDTH) > 100
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    assert (read_image(path)[:, :, 0] == pixels * 255).all()


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", Image.new("CMYK", (WIDTH, HEIGHT), (0, 0, 0, 0)))
    assert (read_image(path) == 255).all()
    assert (
        read_image(path).shape == (HEIGHT, WIDTH, 3) == (HEIGHT, WIDTH, image_header(path).channels)
    )


@pytest.mark.parametrize("filter_type", [0, 2])
@pytest.mark.parametrize(("colour_type", "stored", "channels"), [(0, 1, 1), (2, 3, 3), (6, 4, 3)])
def test_16_bit_pngs_keep_every_bit(
    tmp_path: Path, colour_type: int, stored: int, channels: int, filter_type: int
) -> None:
    pixels = noise(HEIGHT, WIDTH, stored, dtype="uint16")
    path = tmp_path / "a.png"
    path.write_bytes(png(pixels, colour_type, 16, filter_type=filter_type))
    image = read_image(path)
    assert image.dtype == np.uint16
    assert image.dtype.isnative
    assert (image == pixels[:, :, :channels]).all()
    assert image_header(path) == ImageHeader(HEIGHT, WIDTH, channels, is_float=False)


def test_16_bit_grey_with_transparency_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(HEIGHT, WIDTH, 2, dtype="uint16"), 4, 16))
    with pytest.raises(
        DatasetError, match=r"a\.png: 16-bit grey with transparency is not read; save it without"
    ):
        read_image(path)


def test_the_content_counts_not_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(png(noise(HEIGHT, WIDTH, 3), 2, 8))
    assert (read_image(path) == noise(HEIGHT, WIDTH, 3)).all()


def test_a_path_may_be_a_text(tmp_path: Path) -> None:
    for ending in (".png", ".tif"):
        path = str(saved(tmp_path / f"a{ending}", Image.fromarray(noise(HEIGHT, WIDTH))))
        assert (read_image(path)[:, :, 0] == noise(HEIGHT, WIDTH)).all()
        assert image_size(path) == (HEIGHT, WIDTH)
        assert image_header(path).channels == 1
    with pytest.raises(DatasetError, match=r"b\.png: no such file"):
        read_image(str(tmp_path / "b.png"))


# --- damaged files


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"a\.png: no such file; check the name"):
        read_image(tmp_path / "a.png")


def test_an_empty_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"a\.png: an empty file"):
        image_size(tmp_path / "a.png")


def test_other_formats_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(noise(HEIGHT, WIDTH)), format="BMP")
    with pytest.raises(
        DatasetError, match=r"a\.png: neither jpg, png nor tif by its content; convert it"
    ):
        read_image(path)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_a_file_cut_short_is_said_and_noticed_without_decoding(
    tmp_path: Path, ending: str, kept: float
) -> None:
    path = saved(tmp_path / f"a{ending}", Image.fromarray(noise(60, 70, 3)))
    assert looks_whole(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(9, int(len(whole) * kept))])
    with pytest.raises(
        DatasetError, match=rf"a\{ending}: damaged or cut short \(.*\); replace it by a whole copy"
    ) as caught:
        read_image(path)
    assert len(caught.value.faults) == 1
    assert "\n" not in caught.value.faults[0]
    with contextlib.suppress(DatasetError):  # the header may be gone too
        assert not looks_whole(path)


def test_damage_in_the_middle_is_said(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(noise(60, 70, 3)))
    data = bytearray(path.read_bytes())
    data[200:220] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="damaged or cut short"):
        read_image(path)


@given(st.data())
def test_no_damage_escapes_as_another_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    kind, mode = data.draw(
        st.sampled_from(
            [("png", "RGB"), ("jpg", "RGB"), ("tif", "RGB"), ("tif", "P"), ("tif", "CMYK")]
        )
    )
    path = saved(folder / f"a.{kind}", Image.fromarray(noise(9, 9, 3)).convert(mode))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        assert read_image(path).ndim == 3
    except DatasetError as error:
        assert str(error).startswith(str(path))


def test_a_gigapixel_header_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(2, 2), 0, 8, size=(40_000, 40_000)))
    for read in (image_size, read_image):
        with pytest.raises(
            DatasetError, match=r"a\.png: 40000 x 40000 pixels .* more than the 268,435,456"
        ):
            read(path)


def test_more_channels_or_values_than_are_read_are_refused_by_the_header(tmp_path: Path) -> None:
    for shape, message in (
        ((1025, 2, 2), "1,025 channels are more than the 1,024"),
        ((9, 9, 9), ""),
    ):
        tifffile.imwrite(
            tmp_path / "a.tif",
            np.zeros(shape, np.uint8),
            photometric="minisblack",
            planarconfig="separate",
        )
        if message:
            with pytest.raises(DatasetError, match=message):
                image_header(tmp_path / "a.tif")
        else:
            assert image_header(tmp_path / "a.tif").channels == 9


def test_more_values_than_are_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(noise(HEIGHT, WIDTH, 3)))
    monkeypatch.setattr("seminar.io.images.MAX_VALUES", HEIGHT * WIDTH * 3)
    assert image_size(path) == (HEIGHT, WIDTH)
    monkeypatch.setattr("seminar.io.images.MAX_VALUES", HEIGHT * WIDTH * 3 - 1)
    with pytest.raises(DatasetError, match="12 x 17 pixels of 3 channels are more than the 611"):
        read_image(path)


def test_large_images_below_the_limit_have_no_warning_from_pillow(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(2, 2), 0, 8, size=(16_384, 16_384)))
    assert image_size(path) == (16_384, 16_384)
    assert MAX_PIXELS == 16_384 * 16_384


def test_a_float_tif_is_float_by_its_header(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 8), np.float32))
    assert image_header(tmp_path / "a.tif") == ImageHeader(9, 8, 1, is_float=True)


def test_real_images(shared_data: Path) -> None:
    path = sorted((shared_data / "dsb2018_fluo" / "JPEGImages").iterdir())[0]
    image = read_image(path)
    assert image.shape == (*image_size(path), 1)
    assert to_float(image, stretch=(1, 99.8)).max() == 255
