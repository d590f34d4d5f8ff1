"""Image files in, arrays out: jpg, png and tif of 8 or 16 bit or float, grey, RGB, RGBA or n
channels.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import JpegImagePlugin, PngImagePlugin, TiffImagePlugin
from PIL.ImageFile import ImageFile

from seminar.errors import DatasetError, SeminarError
from seminar.io.tif import NeedsAnotherReader, Pages, read_tif, tif_header, tif_is_whole, tif_planes

EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
"""Endings of image files, compared without regard to case."""

MAX_PIXELS = 2**28
"""Largest image that is read, height times width (16,384 x 16,384): a damaged or hostile header
must not fill the memory.
"""

MAX_VALUES = 2**30
"""Most values that are read, height times width times channels."""

MAX_CHANNELS = 1024
"""Most channels that are read: a damaged header may name any number, and hyperspectral cameras
have some hundreds.
"""

ImageArray = npt.NDArray[Any]
"""(H, W, C) uint8, uint16 or float32."""

Kind = Literal["png", "jpg", "tif"]

_CHANNELS = {
    "1": 1,
    "L": 1,
    "LA": 1,
    "I": 1,
    "I;16": 1,
    "I;16B": 1,
    "F": 1,
    "P": 3,
    "PA": 3,
    "RGB": 3,
    "RGBA": 3,
    "CMYK": 3,
    "YCbCr": 3,
}

_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
    RuntimeError,
    ArithmeticError,
)
"""What Pillow, tifffile and imagecodecs raise on damaged files."""


@dataclass(frozen=True)
class ImageHeader:
    """What a file says of its image before it is decoded; `channels` without transparency."""

    height: int
    width: int
    channels: int
    is_float: bool


def read_image(path: Path | str) -> ImageArray:
    """Read one image as (H, W, C) in its own depth: uint8, uint16 or float32.

    Grey has C = 1; an alpha channel is dropped; a palette, CMYK and YCbCr become RGB of 8 bit.
    Other depths become float32, black-and-white 0 and 255. A tif's channels may come first or last.
    The orientation noted by a camera (EXIF) is ignored: pixels are as stored.

    Raises
    ------
    DatasetError
        No such file, not an image, cut short, larger than `MAX_PIXELS`, or a stack of planes.
    """
    path = Path(path)
    image_header(path)
    with explained(path):
        kind = _kind(path)
        if kind == "tif":
            with contextlib.suppress(NeedsAnotherReader):
                return as_stored(read_tif(path))
        return as_stored(_read_with_pillow(path, kind))


def read_planes(path: Path, pages: Pages = "auto") -> Iterator[ImageArray]:
    """Each plane of a tif as `seminar.io.tif.tif_planes` gives it; what is wrong with the file
    is one sentence, a `DatasetError`.
    """
    planes = tif_planes(path, pages)
    while True:
        with explained(path):
            plane = next(planes, None)
        if plane is None:
            return
        yield plane


def image_size(path: Path | str) -> tuple[int, int]:
    """(height, width) in pixels, from the file's header alone; errors as of `image_header`."""
    header = image_header(path)
    return header.height, header.width


def image_header(path: Path | str) -> ImageHeader:
    """Size and kind of an image without decoding it.

    Raises
    ------
    DatasetError
        As `read_image`, as far as the header tells.
    """
    path = Path(path)
    with explained(path):
        kind = _kind(path)
        if kind == "tif":
            header = ImageHeader(*tif_header(path))
        else:
            with _open(path, kind) as image:
                header = ImageHeader(
                    image.height,
                    image.width,
                    _CHANNELS.get(image.mode, len(image.getbands())),
                    image.mode == "F",
                )
    if header.height * header.width > MAX_PIXELS:
        raise DatasetError(
            f"{path}: {header.height} x {header.width} pixels (height x width) are more than the "
            f"{MAX_PIXELS:,} that one image may have; cut it into smaller images"
        )
    if header.height * header.width * header.channels == 0:
        raise DatasetError(f"{path}: an image without pixels; remove it")
    if header.channels > MAX_CHANNELS:
        raise DatasetError(
            f"{path}: {header.channels:,} channels are more than the {MAX_CHANNELS:,} that are "
            "read; is the file damaged?"
        )
    if header.height * header.width * header.channels > MAX_VALUES:
        raise DatasetError(
            f"{path}: {header.height} x {header.width} pixels of {header.channels} channels are "
            f"more than the {MAX_VALUES:,} values that one image may have; save the channels that "
            "are needed, or cut it into smaller images"
        )
    return header


def looks_whole(path: Path) -> bool:
    """Whether the end of the file is where it should be; quick, and False only says that
    decoding must tell.
    """
    with explained(path):
        kind = _kind(path)
        if kind == "tif":
            return tif_is_whole(path)
        with path.open("rb") as file:
            file.seek(-min(path.stat().st_size, 64), 2)
            end = file.read()
    return end.endswith(b"IEND\xaeB`\x82") if kind == "png" else b"\xff\xd9" in end


def to_float(
    image: ImageArray,
    *,
    channels: tuple[int, ...] = (),
    stretch: tuple[float, float] = (0.0, 100.0),
    where: str = "the image",
) -> npt.NDArray[np.float32]:
    """The channels asked for as (C, H, W) float32 on 0..255, stretched between two percentiles of
    this image.

    Training and prediction both read images through this function.

    Parameters
    ----------
    image : ndarray, (H, W, C) or (H, W)
        As `read_image` returns it.
    channels : tuple of int
        Channels from 0, in this order; empty takes all.
    stretch : tuple of float
        Percentiles, 0..100, that become 0 and 255, found for each channel by itself; values beyond
        are clipped. (0, 100) leaves 8-bit images as they are and spreads 16-bit and float images
        from their least to their greatest value. An even channel becomes 0.
    where : str
        Name of the image in messages.

    Raises
    ------
    SeminarError
        A channel that the image does not have; NaN or infinite values.
    """
    image = as_stored(image if image.ndim == 3 else image[:, :, np.newaxis])
    wanted = channels or tuple(range(image.shape[2]))
    if missing := [channel for channel in wanted if not 0 <= channel < image.shape[2]]:
        raise SeminarError(
            f"{where}: channel {missing[0]} is asked for, the image has {image.shape[2]} (0 to "
            f"{image.shape[2] - 1}); change the setting 'channels'"
        )
    planes = np.moveaxis(image, 2, 0)[list(wanted)]
    if fault := not_finite(planes):
        raise SeminarError(f"{where}: {fault}")
    if planes.dtype == np.uint8 and tuple(stretch) == (0, 100):
        return planes.astype(np.float32)
    return np.stack([_stretched(plane, stretch) for plane in planes])


def not_finite(planes: ImageArray) -> str:
    """What is wrong where an image, (C, H, W), holds NaN or infinite values, with the remedy;
    empty where nothing is.
    """
    if planes.dtype.kind != "f" or np.isfinite(planes).all():
        return ""
    bad = np.argwhere(~np.isfinite(planes))
    _, row, col = bad[0]
    count = f"{len(bad)} values are" if len(bad) > 1 else "a value is"
    return (
        f"{count} NaN or infinite, first at row {row}, column {col}; replace them with numbers and "
        "save the image again"
    )


def as_stored(pixels: ImageArray) -> ImageArray:
    """Contiguous uint8, uint16 or float32 in this machine's byte order; any other kind of number
    becomes float32, False and True 0 and 255.
    """
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind not in "uif":
        raise ValueError(f"{pixels.dtype} values are no intensities")
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2:
        return np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("="))
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which `to_float` refuses
        return np.ascontiguousarray(pixels, dtype=np.float32)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what image readers raise on files that they cannot read into one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file; check the name") from None
    except PermissionError as error:
        raise DatasetError(
            f"{path}: {error.strerror or 'no permission'}; give yourself the right to read it"
        ) from None
    except MemoryError:
        raise DatasetError(
            f"{path}: too large for the memory that is left; close other programs or cut the image"
        ) from None
    except NeedsAnotherReader:
        raise DatasetError(
            f"{path}: its compression needs another package; pip install imagecodecs, or save it "
            "uncompressed"
        ) from None
    except _DAMAGE as error:
        reason = (
            " ".join(str(error).replace(repr(str(path)), "the file").split())[:120]
            or type(error).__name__
        )
        raise DatasetError(
            f"{path}: damaged or cut short ({reason}); replace it by a whole copy"
        ) from None


def _stretched(plane: ImageArray, stretch: tuple[float, float]) -> npt.NDArray[np.float32]:
    if tuple(stretch) == (0, 100):
        black, white = float(plane.min()), float(plane.max())
    else:
        step = max(
            1, round((plane.size / 2**20) ** 0.5)
        )  # about a million values are enough for a percentile
        black, white = (
            float(value)
            for value in np.percentile(plane[::step, ::step].astype(np.float64), stretch)
        )
    if white <= black:
        return np.zeros(plane.shape, dtype=np.float32)
    share = (plane.astype(np.float64) - black) / (white - black)
    return (np.clip(share, 0.0, 1.0) * 255.0).astype(np.float32)


def _kind(path: Path) -> Kind:
    with path.open("rb") as file:
        head = file.read(8)
    if head == b"\x89PNG\r\n\x1a\n":
        return "png"
    if head[:3] == b"\xff\xd8\xff":
        return "jpg"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tif"
    if not head:
        raise DatasetError(f"{path}: an empty file; replace it by a whole copy or remove it")
    raise DatasetError(
        f"{path}: neither jpg, png nor tif by its content; convert it to one of these or remove it"
    )


def _open(path: Path, kind: Kind) -> ImageFile:
    # the plugins themselves, not PIL.Image.open: no other format, and no warning at Pillow's own
    # limit, which is below ours
    match kind:
        case "png":
            return PngImagePlugin.PngImageFile(path)
        case "jpg":
            return JpegImagePlugin.JpegImageFile(path)
        case "tif":
            return TiffImagePlugin.TiffImageFile(path)


def _read_with_pillow(path: Path, kind: Kind) -> ImageArray:
    with _open(path, kind) as image:
        raw_mode = str(image.tile[0][3]) if kind == "png" and image.tile else ""
        if raw_mode == "LA;16B":
            raise DatasetError(
                f"{path}: 16-bit grey with transparency is not read; save it without transparency"
            )
        if raw_mode in ("RGB;16B", "RGBA;16B"):
            return _read_16_bit_colour(path, raw_mode)
        pixels = np.asarray(
            image
            if image.mode not in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV")
            else image.convert("RGB")
        )
    if pixels.ndim == 2:
        return pixels[:, :, np.newaxis]
    return pixels[:, :, :-1] if pixels.shape[2] in (2, 4) else pixels


def _read_16_bit_colour(path: Path, raw_mode: str) -> npt.NDArray[np.uint16]:
    """A 16-bit colour PNG, of which Pillow keeps one byte a value: read once for the upper bytes
    and once for the lower ones.
    """
    halves = []
    for mode in (raw_mode, raw_mode.replace("16B", "16L")):
        with PngImagePlugin.PngImageFile(path) as image:
            image.tile = [image.tile[0]._replace(args=mode)]
            halves.append(np.asarray(image)[:, :, :3].astype(np.uint16))
    return (halves[0] << 8 | halves[1]).astype(np.uint16, copy=False)
