"""Image files as arrays: jpg, png and tif, 8 or 16 bit or float, with any number of channels."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import JpegImagePlugin, PngImagePlugin, TiffImagePlugin
from PIL.ImageFile import ImageFile

from seminar.errors import DatasetError
from seminar.io.intensities import ImageArray, as_stored
from seminar.io.orientation import UPRIGHT, is_sideways, noted_orientation, turned
from seminar.io.tif import NeedsAnotherReader, read_tif, tif_header, tif_is_whole, tif_planes
from seminar.io.tif_layout import ORIENTATION, Pages

EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
"""Endings of image files in lower case; capitals are accepted."""

MAX_PIXELS = 2**28
"""Largest height times width that is read (16,384 x 16,384), to protect the memory from damaged
or hostile headers.
"""

MAX_VALUES = 2**30
"""Largest height times width times channels that is read."""

MAX_CHANNELS = 1024
"""Largest number of channels that is read; hyperspectral cameras have some hundreds."""

Kind = Literal["png", "jpg", "tif"]

Turning = Literal["", "done", "ignored"]

_CHANNELS = {"LA": 1, "P": 3, "PA": 3, "RGBA": 3, "CMYK": 3}
"""Channels that are read by Pillow's mode, where they are not as many as its bands."""

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
    """Size and kind of an image, known before it is decoded.

    Attributes
    ----------
    height, width : int
        As `read_image` returns it, turned where the file says so.
    channels : int
        Without transparency.
    is_float : bool
    turning : "", "done" or "ignored"
        Whether the file notes an orientation (EXIF), and what `read_image` makes of it.
    """

    height: int
    width: int
    channels: int
    is_float: bool
    turning: Turning = ""


def read_image(path: Path | str) -> ImageArray:
    """Read one image as (H, W, C) in its own depth: uint8, uint16 or float32.

    Grey has C = 1; an alpha channel is dropped; a palette, CMYK and YCbCr become RGB of 8 bit.
    Other depths become float32, black-and-white 0 and 255. A tif's channels may come first or last,
    and in a tif in which white is zero, black becomes zero. A jpg or png is turned by the
    orientation that it notes (EXIF), a tif is not: see `seminar.io.orientation`.

    Raises
    ------
    DatasetError
        No such file, not an image, cut short, larger than `MAX_PIXELS`, or a stack of planes.
    """
    path = Path(path)
    image_header(path)
    with explained(path):
        kind = _kind(path)
        if kind != "tif":
            return as_stored(_read_with_pillow(path, kind))
        try:
            return as_stored(read_tif(path))
        except NeedsAnotherReader as error:
            return as_stored(_read_tif_with_pillow(path, error.page))


def read_planes(path: Path, pages: Pages = "auto") -> Iterator[ImageArray]:
    """Planes of a tif, see `seminar.io.tif.tif_planes`; a damaged file is a `DatasetError`."""
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
        As `read_image`, as far as it can be seen from the header.
    """
    path = Path(path)
    with explained(path):
        kind = _kind(path)
        if kind == "tif":
            height, width, channels, is_float, is_noted = tif_header(path)
            turning: Turning = "ignored" if is_noted else ""
        else:
            with _open(path, kind) as image:
                orientation = noted_orientation(image)
                height, width = image.height, image.width
                if is_sideways(orientation):
                    height, width = width, height
                channels = _CHANNELS.get(image.mode, len(image.getbands()))
                is_float = image.mode == "F"
                turning = "" if orientation == UPRIGHT else "done"
    header = ImageHeader(height, width, channels, is_float, turning)
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
    """Whether the file seems complete, judged quickly by its end.

    False means that only decoding can tell.
    """
    with explained(path):
        kind = _kind(path)
        if kind == "tif":
            return tif_is_whole(path)
        with path.open("rb") as file:
            file.seek(-min(path.stat().st_size, 64), 2)
            end = file.read()
    return end.endswith(b"IEND\xaeB`\x82") if kind == "png" else b"\xff\xd9" in end


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of image readers into a `DatasetError` of one sentence."""
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


def _open(path: Path, kind: Literal["png", "jpg"]) -> ImageFile:
    # not PIL.Image.open, which tries other formats and warns at a limit below ours
    match kind:
        case "png":
            return PngImagePlugin.PngImageFile(path)
        case "jpg":
            return JpegImagePlugin.JpegImageFile(path)


def _read_with_pillow(path: Path, kind: Literal["png", "jpg"]) -> ImageArray:
    with _open(path, kind) as image:
        orientation = noted_orientation(image)
        raw_mode = str(image.tile[0][3]) if kind == "png" and image.tile else ""
        if raw_mode == "LA;16B":
            raise DatasetError(
                f"{path}: 16-bit grey with transparency is not read; save it without transparency"
            )
        if raw_mode in ("RGB;16B", "RGBA;16B"):
            return turned(_read_16_bit_colour(path, raw_mode), orientation)
        return turned(_decoded(image), orientation)


def _read_tif_with_pillow(path: Path, page: int | tuple[int, ...]) -> ImageArray:
    """One page of a tif, as it is stored."""
    if not isinstance(page, int):
        raise NeedsAnotherReader(page)
    with TiffImagePlugin.TiffImageFile(path) as image:
        image.seek(page)
        orientation = image.tag_v2.get(ORIENTATION)  # by which Pillow turns it
        back = {6: 8, 8: 6}.get(orientation or UPRIGHT, orientation or UPRIGHT)
        return turned(_decoded(image), back)


def _decoded(image: ImageFile) -> ImageArray:
    """(H, W, C), without transparency."""
    if image.mode in ("P", "PA", "CMYK", "YCbCr"):
        image.load()
        image.info.pop("transparency", None)  # of a palette: dropped, and Pillow warns of it
        pixels = np.asarray(image.convert("RGB"))
    else:
        pixels = np.asarray(image)
    if pixels.ndim == 2:
        return pixels[:, :, np.newaxis]
    return pixels[:, :, :-1] if pixels.shape[2] in (2, 4) else pixels


def _read_16_bit_colour(path: Path, raw_mode: str) -> npt.NDArray[np.uint16]:
    """A 16-bit colour PNG, of which Pillow keeps 8 bits: read twice, upper and lower bytes."""
    halves = []
    for mode in (raw_mode, raw_mode.replace("16B", "16L")):
        with PngImagePlugin.PngImageFile(path) as image:
            image.tile = [image.tile[0]._replace(args=mode)]
            halves.append(np.asarray(image)[:, :, :3].astype(np.uint16))
    return (halves[0] << 8 | halves[1]).astype(np.uint16, copy=False)
