"""Tif files: the meaning of their axes, one image or a stack of planes.

tifffile names the axes of a series but does not decide which pages are channels and which planes,
nor convert palettes, CMYK and YCbCr: that is done here.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, assert_never

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from seminar.errors import DatasetError

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # we report damage ourselves

MAX_UNNAMED_CHANNELS = 16
"""Up to so many pages are taken as the channels of one image, and more as a stack of planes, where
no metadata say which they are.
"""

SUB_PAGES = 330
"""Tag of the sub-pages of a page, such as its smaller versions."""

MAX_SUB_PAGES = 1000

Pages = Literal["auto", "planes", "channels"]
"""Pages of a tif: as the file says, each one an image, or the channels of one image."""

Colours = Literal["as stored", "palette", "CMYK", "YCbCr"]
"""Values of a tif: intensities, or something else that is converted to RGB of 8 bit."""

INK_SET = 332
"""Tag of the inks of a printed image: 1, or no tag, is CMYK."""

PLAIN_COMPRESSIONS = (1, 5, 8, 32773, 32946)
"""None, LZW, deflate, PackBits: they leave YCbCr as it is; JPEG is decoded to RGB."""


class NeedsAnotherReader(Exception):
    """A compression that tifffile cannot decode without imagecodecs."""


@dataclass(frozen=True)
class TifLayout:
    """Axes and colours of the first series of a tif.

    Attributes
    ----------
    shape : tuple of int
        Lengths of Y, X, and all axes longer than one.
    axes : str
        One letter per axis: Y, X, C (channels), and any other letter for an axis of planes.
    has_alpha : bool
        The last channel is transparency.
    colours : Colours
        All but "as stored" are read as RGB of 8 bit.
    """

    shape: tuple[int, ...]
    axes: str
    has_alpha: bool
    colours: Colours

    @property
    def height(self) -> int:
        return self.shape[self.axes.index("Y")]

    @property
    def width(self) -> int:
        return self.shape[self.axes.index("X")]

    @property
    def channels(self) -> int:
        if self.colours != "as stored":
            return 3
        count = self.shape[self.axes.index("C")] if "C" in self.axes else 1
        return count - 1 if self.has_alpha and count > 1 else count

    @property
    def plane_axes(self) -> tuple[int, ...]:
        """Indices of the axes of planes; empty for a single image."""
        return tuple(index for index, axis in enumerate(self.axes) if axis not in "YXC")

    @property
    def num_planes(self) -> int:
        return int(np.prod([self.shape[axis] for axis in self.plane_axes], dtype=np.int64))


def tif_layout(tif: tifffile.TiffFile, pages: Pages = "auto") -> TifLayout:
    """Layout of the first series.

    See `MAX_UNNAMED_CHANNELS` for files that do not say whether pages are channels or planes. Pages
    with a palette are planes, unless the file or `pages` calls them channels.
    """
    refuse_tangled(tif)
    if not tif.series:
        raise ValueError("no image in the file")
    series = tif.series[0]
    kept = [
        (size, axis)
        for size, axis in zip(series.shape, series.axes, strict=True)
        if size != 1 or axis in "YX"
    ]
    shape = tuple(size for size, _ in kept)
    axes = "".join(axis for _, axis in kept).replace("S", "C")
    page = tif.pages.first
    # nothing says what the third axis is
    if axes in ("QYX", "IYX") and page.photometric != tifffile.PHOTOMETRIC.PALETTE:
        if axes == "QYX" and shape[2] <= MAX_UNNAMED_CHANNELS and shape[2] < min(shape[:2]):
            axes = "YXC"
        elif shape[0] <= MAX_UNNAMED_CHANNELS:
            axes = "CYX"
    if pages != "auto" and len(axes) == 3 and axes.endswith("YX") and "S" not in series.axes:
        axes = "CYX" if pages == "channels" else "ZYX"
    if sorted(axis for axis in axes if axis in "YXC") not in (["X", "Y"], ["C", "X", "Y"]):
        raise ValueError(f"axes {series.axes} of {series.shape} are not those of images")
    samples = page.extrasamples
    return TifLayout(
        shape, axes, len(samples) == 1 and int(samples[0]) in (1, 2), stored_colours(page, axes)
    )


def stored_colours(page: tifffile.TiffPage, axes: str) -> Colours:
    """Kind of the values of a page, given the axes of its series."""
    has_channels = "C" in axes or "S" in axes
    if page.dtype is None or page.dtype.kind not in "bu" or page.dtype.itemsize > 2:
        return "as stored"
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and not has_channels:
        # the lookup tables of ImageJ show intensities in colour
        return "as stored" if page.is_imagej else "palette"
    if (
        page.photometric == tifffile.PHOTOMETRIC.SEPARATED
        and page.samplesperpixel >= 4
        and has_channels
    ):
        return "CMYK" if page.tags.valueof(INK_SET, 1) == 1 else "as stored"
    if (
        page.photometric == tifffile.PHOTOMETRIC.YCBCR
        and page.samplesperpixel == 3
        and has_channels
    ):
        return "YCbCr" if page.compression in PLAIN_COMPRESSIONS else "as stored"
    return "as stored"


def refuse_tangled(tif: tifffile.TiffFile) -> None:
    """Raise a ValueError if pages overlap or form a circle, which tifffile would follow for hours.

    A few damaged bytes are enough for that.
    """
    file, order = tif.filehandle, tif.byteorder
    number, offset_type, entry = ("Q", "Q", 20) if tif.is_bigtiff else ("H", "I", 12)
    head = struct.Struct(order + number)
    link = struct.Struct(order + offset_type)
    file.seek(8 if tif.is_bigtiff else 4)
    (offset,) = link.unpack(file.read(link.size))
    used = 0
    while 0 < offset < file.size:
        file.seek(offset)
        (count,) = head.unpack(file.read(head.size))
        used += head.size + count * entry + link.size
        if used > file.size:
            raise ValueError("the pages overlap or go round in circles")
        entries = file.read(count * entry)
        for start in range(0, len(entries) - entry + 1, entry):
            tag, _, values = struct.unpack_from(order + "HH" + offset_type, entries, start)
            if tag == SUB_PAGES and values > MAX_SUB_PAGES:
                raise ValueError(f"a page has {values} pages below it")
        following = file.read(link.size)
        offset = link.unpack(following)[0] if len(following) == link.size else 0


def tif_header(path: Path) -> tuple[int, int, int, bool]:
    """Height, width, channels without transparency, and whether the values are floats.

    A stack of planes is refused, as by `read_tif`.
    """
    with tifffile.TiffFile(path) as tif:
        layout = _single_image(tif_layout(tif), path)
        return layout.height, layout.width, layout.channels, tif.series[0].dtype.kind == "f"


def read_tif(path: Path) -> npt.NDArray[Any]:
    """A tif of one image, as (H, W, C) in its own depth.

    Raises
    ------
    NeedsAnotherReader
        tifffile cannot decompress it.
    DatasetError
        A stack of planes.
    """
    with tifffile.TiffFile(path) as tif:
        layout = _single_image(tif_layout(tif), path)
        return _picture(_pixels(tif, layout), layout, tif.pages.first.colormap)


def tif_pages(path: Path, pages: Pages = "auto") -> tuple[int, bool]:
    """The number of images if pages are taken as `pages`, and whether `read_tif` reads the same."""
    with tifffile.TiffFile(path) as tif:
        layout = tif_layout(tif, pages)
        return layout.num_planes, not layout.plane_axes and layout == tif_layout(tif)


def tif_planes(path: Path, pages: Pages = "auto") -> Iterator[npt.NDArray[Any]]:
    """Planes of a stack, (H, W, C), in the order of the file; a single image is one plane."""
    with tifffile.TiffFile(path) as tif:
        layout = tif_layout(tif, pages)
        pixels, palette = _pixels(tif, layout), tif.pages.first.colormap
    plane_axes = layout.plane_axes
    stack = np.moveaxis(pixels, plane_axes, tuple(range(len(plane_axes))))
    plane_layout = replace(
        layout,
        shape=stack.shape[len(plane_axes) :],
        axes="".join(axis for axis in layout.axes if axis in "YXC"),
    )
    for plane in stack.reshape(-1, *plane_layout.shape):
        yield _picture(plane, plane_layout, palette)


def tif_values(path: Path) -> npt.NDArray[Any]:
    """All pages of a tif, (pages, H, W), as stored: the class ids, without their palette."""
    with tifffile.TiffFile(path) as tif:
        pixels = _pixels(tif, tif_layout(tif, "planes"))
    return pixels.reshape(-1, *pixels.shape[-2:])


def tif_is_whole(path: Path) -> bool:
    """Whether the file is long enough for all the data that its header lists."""
    length = path.stat().st_size
    with tifffile.TiffFile(path) as tif:
        refuse_tangled(tif)
        return all(
            offset + count <= length
            for page in tif.pages
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
        )


def _single_image(layout: TifLayout, path: Path) -> TifLayout:
    if layout.plane_axes:
        raise DatasetError(
            f"{path}: a stack of {layout.num_planes} planes, expected one image; `seminar new` "
            "makes a project with one image a plane from it"
        )
    return layout


def _pixels(tif: tifffile.TiffFile, layout: TifLayout) -> npt.NDArray[Any]:
    try:
        pixels: npt.NDArray[Any] = tif.series[0].asarray()
    except (ValueError, NotImplementedError) as error:
        if "imagecodecs" in str(error):
            raise NeedsAnotherReader from None
        raise
    return pixels.reshape(layout.shape)


def _picture(
    pixels: npt.NDArray[Any], layout: TifLayout, palette: npt.NDArray[np.uint16] | None
) -> npt.NDArray[Any]:
    """One plane as (H, W, C): its channels, or RGB from the upper 8 bits of other values."""
    plane = _channels_last(pixels, layout)
    match layout.colours:
        case "as stored":
            return plane
        case "palette":
            return _in_palette(plane[:, :, 0], palette)
        case "CMYK" | "YCbCr":
            values = plane[:, :, :4]  # the colour of further inks is unknown
            values = (values >> 8).astype(np.uint8) if values.dtype.itemsize == 2 else values
            image = Image.frombytes(layout.colours, (layout.width, layout.height), values.tobytes())
            return np.asarray(image.convert("RGB"))
        case _:
            assert_never(layout.colours)


def _in_palette(
    numbers: npt.NDArray[Any], palette: npt.NDArray[np.uint16] | None
) -> npt.NDArray[np.uint8]:
    if palette is None or palette.ndim != 2:
        raise ValueError("a palette image without its palette")
    table = (palette >> 8).astype(np.uint8).T
    colours = np.empty((*numbers.shape, 3), dtype=np.uint8)
    for line, numbers_of_line in zip(colours, numbers, strict=True):  # saves 8 bytes per pixel
        line[:] = table[numbers_of_line.astype(np.intp)]
    return colours


def _channels_last(pixels: npt.NDArray[Any], layout: TifLayout) -> npt.NDArray[Any]:
    if "C" not in layout.axes:
        return pixels[:, :, np.newaxis]
    pixels = np.moveaxis(pixels, layout.axes.index("C"), -1)
    return pixels[:, :, :-1] if layout.has_alpha and pixels.shape[2] > 1 else pixels
