"""Which axis of a tif is what, and stacks of planes."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from seminar.errors import DatasetError
from seminar.io.images import image_header, image_size, read_image
from seminar.io.tif import tif_pages, tif_planes
from seminar.io.tif_layout import MAX_UNNAMED_CHANNELS

HEIGHT, WIDTH = 12, 17


def noise(*shape: int, dtype: str = "uint16") -> npt.NDArray[Any]:
    return (
        np.random.default_rng(0)
        .integers(0, 60_000 if dtype != "uint8" else 255, shape)
        .astype(dtype)
    )


def written(path: Path, pixels: npt.NDArray[Any], **options: Any) -> Path:
    tifffile.imwrite(path, pixels, **options)
    return path


CHANNELS_FIRST = [
    {},
    {"metadata": {"axes": "CYX"}},
    {"metadata": None},
    {"photometric": "minisblack"},
    {"photometric": "minisblack", "planarconfig": "separate"},
    {"imagej": True, "metadata": {"axes": "CYX"}},
    {"ome": True, "metadata": {"axes": "CYX"}},
    {"bigtiff": True},
    {"byteorder": ">"},
    {"compression": "zlib"},
]


@pytest.mark.parametrize("options", CHANNELS_FIRST, ids=str)
@pytest.mark.parametrize("channels", [2, 5])
def test_channels_first(tmp_path: Path, channels: int, options: dict[str, Any]) -> None:
    pixels = noise(channels, HEIGHT, WIDTH)
    path = written(tmp_path / "a.tif", pixels, **options)
    image = read_image(path)
    assert image.dtype == np.uint16
    assert (image == np.moveaxis(pixels, 0, 2)).all()
    header = image_header(path)
    assert (header.height, header.width, header.channels) == image.shape
    assert tif_pages(path)[::2] == (1, True)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_channels_last(tmp_path: Path, channels: int, dtype: str) -> None:
    pixels = noise(HEIGHT, WIDTH, channels, dtype=dtype)
    path = written(
        tmp_path / "a.tif",
        pixels,
        photometric="minisblack",
        planarconfig="contig" if channels > 1 else None,
    )
    assert (read_image(path) == pixels).all()
    assert read_image(path).dtype == dtype


def test_channels_last_without_any_hint(tmp_path: Path) -> None:
    pixels = noise(HEIGHT, WIDTH, 5)
    path = written(tmp_path / "a.tif", pixels)  # 12 pages of 17 x 5, says the file
    assert (read_image(path) == pixels).all()
    assert image_size(path) == (HEIGHT, WIDTH)


def test_transparency_is_dropped_but_a_fourth_channel_is_not(tmp_path: Path) -> None:
    pixels = noise(HEIGHT, WIDTH, 4, dtype="uint8")
    rgba = written(tmp_path / "rgba.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    four = written(
        tmp_path / "four.tif", pixels, photometric="minisblack", extrasamples=["unspecified"] * 3
    )
    assert (read_image(rgba) == pixels[:, :, :3]).all()
    assert image_header(rgba).channels == 3
    assert (read_image(four) == pixels).all()
    assert image_header(four).channels == 4


def test_lzw_of_other_programs_is_read(tmp_path: Path) -> None:
    pixels = noise(HEIGHT, WIDTH, 3, dtype="uint8")
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert (read_image(tmp_path / "a.tif") == pixels).all()


def test_other_numbers_become_float32(tmp_path: Path) -> None:
    for dtype in ("int16", "uint32", "float16", "float64"):
        image = read_image(
            written(tmp_path / f"{dtype}.tif", np.arange(100).reshape(10, 10).astype(dtype))
        )
        assert image.dtype == np.float32
        assert (image[:, :, 0] == np.arange(100).reshape(10, 10)).all()


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="complex64 values are not intensities"):
        read_image(written(tmp_path / "a.tif", np.zeros((9, 9), np.complex64)))


@pytest.mark.parametrize(
    ("shape", "options", "planes"),
    [
        ((4, HEIGHT, WIDTH), {"imagej": True, "metadata": {"axes": "ZYX"}}, 4),
        ((5, HEIGHT, WIDTH), {"metadata": {"axes": "TYX"}}, 5),
        ((MAX_UNNAMED_CHANNELS + 1, HEIGHT, WIDTH), {}, MAX_UNNAMED_CHANNELS + 1),
        ((2, 4, HEIGHT, WIDTH), {"imagej": True, "metadata": {"axes": "ZCYX"}}, 2),
        ((3, 2, HEIGHT, WIDTH), {"ome": True, "metadata": {"axes": "TZYX"}}, 6),
    ],
)
def test_stacks_are_refused_as_images_and_split_into_planes(
    tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any], planes: int
) -> None:
    pixels = noise(*shape)
    path = written(tmp_path / "a.tif", pixels, **options)
    for read in (image_size, read_image):
        with pytest.raises(
            DatasetError,
            match=rf"a\.tif: a stack of {planes} planes, expected one image; `seminar new` makes",
        ):
            read(path)
    assert tif_pages(path)[::2] == (planes, False)
    found = list(tif_planes(path))
    expected = pixels.reshape(planes, -1, HEIGHT, WIDTH)
    assert len(found) == planes
    for plane, one in zip(found, expected, strict=True):
        assert (plane == np.moveaxis(one, 0, 2)).all()


def test_channels_of_a_stack_before_its_planes(tmp_path: Path) -> None:
    pixels = noise(2, 5, HEIGHT, WIDTH)
    path = written(tmp_path / "a.tif", pixels, metadata={"axes": "CZYX"})
    found = list(tif_planes(path))
    assert len(found) == 5
    assert (found[3] == np.moveaxis(pixels[:, 3], 0, 2)).all()


def test_pages_are_what_the_user_says(tmp_path: Path) -> None:
    few = written(tmp_path / "few.tif", noise(3, HEIGHT, WIDTH), photometric="minisblack")
    many = written(tmp_path / "many.tif", noise(40, HEIGHT, WIDTH))
    assert tif_pages(few)[::2] == (1, True)
    assert tif_pages(few, "planes")[::2] == (3, False)
    assert tif_pages(many, "channels")[::2] == (1, False)
    assert [plane.shape for plane in tif_planes(few, "planes")] == [(HEIGHT, WIDTH, 1)] * 3
    assert [plane.shape for plane in tif_planes(many, "channels")] == [(HEIGHT, WIDTH, 40)]


@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
def test_colours_are_never_planes(tmp_path: Path, planarconfig: str) -> None:
    shape = (HEIGHT, WIDTH, 3) if planarconfig == "contig" else (3, HEIGHT, WIDTH)
    path = written(
        tmp_path / "a.tif",
        noise(*shape, dtype="uint8"),
        photometric="rgb",
        planarconfig=planarconfig,
    )
    assert tif_pages(path, "planes")[::2] == (1, True)


# --- colours that are not stored as RGB

PALETTE = np.zeros((3, 256), np.uint16)
PALETTE[:, :3] = np.array([[1, 2, 3], [40, 50, 60], [255, 0, 7]]).T * 257
INDICES = noise(HEIGHT, WIDTH, dtype="uint8") % 3
IN_PALETTE = PALETTE.T[INDICES] >> 8


@pytest.mark.parametrize(
    "options", [{}, {"tile": (16, 16)}, {"compression": "zlib"}, {"byteorder": ">"}], ids=str
)
def test_a_palette_becomes_rgb(tmp_path: Path, options: dict[str, Any]) -> None:
    path = written(tmp_path / "a.tif", INDICES, photometric="palette", colormap=PALETTE, **options)
    image = read_image(path)
    assert image.dtype == np.uint8
    assert (image == IN_PALETTE).all()
    assert image_header(path).channels == 3
    assert tif_pages(path)[::2] == (1, True)


def test_a_palette_of_65536_colours_becomes_rgb(tmp_path: Path) -> None:
    colours = noise(3, 65536)
    indices = noise(HEIGHT, WIDTH)
    path = written(tmp_path / "a.tif", indices, photometric="palette", colormap=colours)
    assert (read_image(path) == colours.T[indices] >> 8).all()
    assert image_header(path).channels == 3


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_a_palette_is_the_same_picture_as_tif_and_as_png(
    tmp_path: Path, compression: str | None, ending: str
) -> None:
    image = Image.fromarray(INDICES)
    image.putpalette((PALETTE.T >> 8).astype(np.uint8).tobytes())
    image.save(tmp_path / f"a.{ending}", compression=compression)
    assert (read_image(tmp_path / f"a.{ending}") == IN_PALETTE).all()


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_cmyk_and_ycbcr_become_rgb(tmp_path: Path, mode: str, compression: str | None) -> None:
    image = Image.fromarray(
        np.kron(noise(3, 4, 3, dtype="uint8"), np.ones((5, 5, 1), np.uint8))
    ).convert(mode)
    image.save(tmp_path / "a.tif", compression=compression)
    expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(read_image(tmp_path / "a.tif") - expected).max() <= 2
    assert image_header(tmp_path / "a.tif").channels == 3


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    "options", [{}, {"planarconfig": "separate"}, {"extrasamples": ["unassalpha"]}], ids=str
)
def test_inks_in_any_order_and_depth(tmp_path: Path, dtype: str, options: dict[str, Any]) -> None:
    pixels = noise(HEIGHT, WIDTH, 5 if "extrasamples" in options else 4, dtype=dtype)
    stored = np.moveaxis(pixels, 2, 0) if "planarconfig" in options else pixels
    path = written(tmp_path / "a.tif", stored, photometric="separated", **options)
    inks = (pixels[:, :, :4] >> (8 if dtype == "uint16" else 0)).astype(np.uint8)
    expected = Image.frombytes("CMYK", (WIDTH, HEIGHT), inks.tobytes()).convert("RGB")
    assert (read_image(path) == np.asarray(expected)).all()
    assert image_header(path).channels == 3


def test_five_inks_of_another_kind_stay_channels(tmp_path: Path) -> None:
    pixels = noise(HEIGHT, WIDTH, 5, dtype="uint8")
    inks_are_no_cmyk = [(332, 3, 1, 2, True)]
    path = written(tmp_path / "a.tif", pixels, photometric="separated", extratags=inks_are_no_cmyk)
    assert (read_image(path) == pixels).all()
    assert image_header(path).channels == 5


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16"])
def test_white_is_zero_becomes_black_is_zero(tmp_path: Path, dtype: str) -> None:
    pixels = noise(HEIGHT, WIDTH) > 30_000 if dtype == "bool" else noise(HEIGHT, WIDTH, dtype=dtype)
    path = written(tmp_path / "a.tif", pixels, photometric="miniswhite")
    white = 1 if dtype == "bool" else np.iinfo(dtype).max
    expected = (white - pixels.astype(int)) * (255 if dtype == "bool" else 1)
    assert (read_image(path)[:, :, 0] == expected).all()
    assert read_image(path).dtype == (np.uint16 if dtype == "uint16" else np.uint8)
    if dtype != "uint16":  # which Pillow 13 leaves as it is
        with Image.open(path) as image:
            assert (np.asarray(image.convert("L")) == expected).all()


def test_a_stack_in_which_white_is_zero(tmp_path: Path) -> None:
    pixels = noise(3, HEIGHT, WIDTH, dtype="uint8")
    options: dict[str, Any] = {"photometric": "miniswhite", "metadata": {"axes": "ZYX"}}
    path = written(tmp_path / "a.tif", pixels, **options)
    for plane, one in zip(tif_planes(path), pixels, strict=True):
        assert (plane[:, :, 0] == 255 - one).all()


def tif_of_few_bits(pixels: npt.NDArray[np.uint8], bits: int, white_is_zero: bool) -> bytes:
    """A grey tif of 2 or 4 bits, for which tifffile needs another package."""
    each = 8 // bits
    packed = np.zeros((len(pixels), pixels.shape[1] // each), np.uint8)
    for place in range(each):
        packed |= pixels[:, place::each] << (8 - bits * (place + 1))
    height, width = pixels.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: int(not white_is_zero)}
    tags |= {273: 8 + 2 + 9 * 12 + 4, 277: 1, 278: height, 279: packed.size}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHIH", b"II", 42, 8, 9) + entries + bytes(4) + packed.tobytes()


@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("bits", [2, 4])
def test_few_bits_are_spread_as_pillow_spreads_them(
    tmp_path: Path, bits: int, white_is_zero: bool
) -> None:
    pixels = noise(HEIGHT, 16, dtype="uint8") % 2**bits
    path = tmp_path / "a.tif"
    path.write_bytes(tif_of_few_bits(pixels, bits, white_is_zero))
    with Image.open(path) as image:
        expected = np.asarray(image.convert("L"))
    assert (read_image(path)[:, :, 0] == expected).all()
    assert (expected == 0).any() and (expected == 255).any()


def test_a_palette_with_transparency_is_read_in_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(INDICES)
    image.putpalette((PALETTE.T >> 8).astype(np.uint8).tobytes())
    image = image.convert("PA")
    image.putalpha(Image.fromarray(np.full_like(INDICES, 90)))
    image.save(tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages.first.samplesperpixel == 2
    assert (read_image(tmp_path / "a.tif") == IN_PALETTE).all()
    assert image_header(tmp_path / "a.tif").channels == 3


@pytest.mark.parametrize("photometric", ["cielab", "icclab", "itulab", "cfa", "logl", "logluv"])
def test_colour_spaces_that_are_not_read_are_named(tmp_path: Path, photometric: str) -> None:
    shape = (HEIGHT, WIDTH) if photometric in ("cfa", "logl") else (HEIGHT, WIDTH, 3)
    pixels = noise(*shape, dtype="uint8")
    path = written(tmp_path / "a.tif", pixels, photometric="rgb" if len(shape) == 3 else None)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages.first.tags["PhotometricInterpretation"].overwrite(
            tifffile.PHOTOMETRIC[photometric.upper()]
        )
    for read in (image_size, read_image, tif_pages):
        with pytest.raises(
            DatasetError,
            match=rf"a\.tif: its values are {photometric.upper()}, a colour space that is not "
            "read; save it as RGB",
        ):
            read(path)


@pytest.mark.parametrize(
    "options", [{}, {"metadata": None}, {"metadata": {"axes": "ZYX"}}], ids=str
)
def test_pages_in_a_palette_are_planes_and_each_is_read_in_its_colours(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    indices = noise(3, HEIGHT, WIDTH, dtype="uint8") % 3
    path = written(tmp_path / "a.tif", indices, photometric="palette", colormap=PALETTE, **options)
    assert tif_pages(path)[::2] == (3, False)
    with pytest.raises(DatasetError, match=r"a\.tif: a stack of 3 planes"):
        read_image(path)
    for plane, one in zip(tif_planes(path), indices, strict=True):
        assert (plane == PALETTE.T[one] >> 8).all()


def test_channels_that_are_shown_in_a_palette_stay_channels(tmp_path: Path) -> None:
    pixels = noise(3, HEIGHT, WIDTH, dtype="uint8")
    path = written(
        tmp_path / "a.tif", pixels, imagej=True, colormap=PALETTE, metadata={"axes": "CYX"}
    )
    assert (read_image(path) == np.moveaxis(pixels, 0, 2)).all()


def test_a_palette_image_without_its_palette_is_damaged(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", INDICES, photometric="palette", colormap=PALETTE)
    data = path.read_bytes()
    assert data.count(b"\x40\x01\x03\x00") == 1
    path.write_bytes(data.replace(b"\x40\x01\x03\x00", b"\x41\x01\x03\x00"))  # another tag than 320
    with pytest.raises(
        DatasetError, match=r"a\.tif: damaged or cut short \(a palette image without its palette\)"
    ):
        read_image(path)


def test_a_gigapixel_header_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", noise(4, 4))
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        offsets = [tif.pages.first.tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
    for offset in offsets:
        data[offset : offset + 4] = (100_000).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DatasetError):
        read_image(path)


def test_imagej_s_lookup_table_shows_intensities(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    green = np.zeros((3, 256), dtype=np.uint16)
    green[1] = np.arange(256) * 257
    for name, description in (("imagej", "ImageJ=1.54f\nunit=micron\n"), ("other", "")):
        tifffile.imwrite(
            tmp_path / f"{name}.tif",
            values,
            photometric="palette",
            colormap=green,
            description=description,
            metadata=None,
        )
    assert image_header(tmp_path / "imagej.tif").channels == 1
    np.testing.assert_array_equal(read_image(tmp_path / "imagej.tif")[:, :, 0], values)
    np.testing.assert_array_equal(read_image(tmp_path / "other.tif")[:, :, 1], values)
