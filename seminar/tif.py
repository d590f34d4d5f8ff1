"""Tif files: which axis is what, one image or a stack of planes."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tifffile

from seminar.errors import DatasetError

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # a damaged file is told in one sentence, by us

MAX_UNNAMED_CHANNELS = 16
"""Pages that no metadata names as channels or planes are the channels of one image up to this number; above, a stack of planes."""

SUB_PAGES = 330
"""Tag of the pages below a page, such as its smaller versions."""

MAX_SUB_PAGES = 1000

Pages = Literal["auto", "planes", "channels"]
"""What the pages of a tif are: as the file says, each an image, or the channels of one image."""


class NeedsAnotherReader(Exception):
    """A compression that tifffile cannot decode by itself."""


@dataclass(frozen=True)
class TifLayout:
    """How the first series of a tif is laid out.

    Attributes
    ----------
    shape : tuple of int
        Lengths of the axes longer than one, and of Y and X.
    axes : str
        One letter an axis: Y, X, C (channels), and any other letter for an axis of planes.
    has_alpha : bool
        The last channel is transparency.
    """

    shape: tuple[int, ...]
    axes: str
    has_alpha: bool

    @property
    def height(self) -> int:
        return self.shape[self.axes.index("Y")]

    @property
    def width(self) -> int:
        return self.shape[self.axes.index("X")]

    @property
    def channels(self) -> int:
        count = self.shape[self.axes.index("C")] if "C" in self.axes else 1
        return count - 1 if self.has_alpha and count > 1 else count

    @property
    def plane_axes(self) -> tuple[int, ...]:
        """The axes that number planes: empty for a single image."""
        return tuple(index for index, axis in enumerate(self.axes) if axis not in "YXC")

    @property
    def num_planes(self) -> int:
        return int(np.prod([self.shape[axis] for axis in self.plane_axes], dtype=np.int64))


def tif_layout(tif: tifffile.TiffFile, pages: Pages = "auto") -> TifLayout:
    """Layout of the first series; where the file does not say whether pages are channels or planes, see `MAX_UNNAMED_CHANNELS`."""
    refuse_tangled(tif)
    if not tif.series:
        raise ValueError("no image in the file")
    series = tif.series[0]
    kept = [(size, axis) for size, axis in zip(series.shape, series.axes, strict=True) if size != 1 or axis in "YX"]
    shape, axes = tuple(size for size, _ in kept), "".join(axis for _, axis in kept).replace("S", "C")
    if axes in ("QYX", "IYX"):  # nothing says what the third axis is
        if axes == "QYX" and shape[2] <= MAX_UNNAMED_CHANNELS and shape[2] < min(shape[:2]):
            axes = "YXC"
        elif shape[0] <= MAX_UNNAMED_CHANNELS:
            axes = "CYX"
    if pages != "auto" and len(axes) == 3 and axes.endswith("YX") and "S" not in series.axes:
        axes = "CYX" if pages == "channels" else "ZYX"
    if sorted(axis for axis in axes if axis in "YXC") not in (["X", "Y"], ["C", "X", "Y"]):
        raise ValueError(f"axes {series.axes} of {series.shape} are not those of images")
    samples = tif.pages.first.extrasamples
    return TifLayout(shape, axes, len(samples) == 1 and int(samples[0]) in (1, 2))


def refuse_tangled(tif: tifffile.TiffFile) -> None:
    """Refuse pages that overlap or go round in circles, which tifffile would follow for hours: a few damaged bytes are enough.

    Raises
    ------
    ValueError
        It is so.
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
    """Height, width, channels without transparency, and whether the values are floats; a stack of planes is refused as by `read_tif`."""
    with tifffile.TiffFile(path) as tif:
        layout = _single_image(tif_layout(tif), path)
        return layout.height, layout.width, layout.channels, tif.series[0].dtype.kind == "f"


def read_tif(path: Path) -> npt.NDArray[Any]:
    """A tif that holds one image, as (H, W, C) in its own depth; `NeedsAnotherReader` where tifffile lacks the decompression."""
    with tifffile.TiffFile(path) as tif:
        layout = _single_image(tif_layout(tif), path)
        return _channels_last(_pixels(tif, layout), layout)


def tif_pages(path: Path, pages: Pages = "auto") -> tuple[int, bool]:
    """How many images the file holds if its pages are taken as `pages`, and whether it can be read as it is."""
    with tifffile.TiffFile(path) as tif:
        layout = tif_layout(tif, pages)
        return layout.num_planes, not layout.plane_axes and layout == tif_layout(tif)


def tif_planes(path: Path, pages: Pages = "auto") -> Iterator[npt.NDArray[Any]]:
    """Each plane of a stack, (H, W, C), in the order of the file; a single image is one plane."""
    with tifffile.TiffFile(path) as tif:
        layout = tif_layout(tif, pages)
        pixels = _pixels(tif, layout)
    plane_axes = layout.plane_axes
    stack = np.moveaxis(pixels, plane_axes, tuple(range(len(plane_axes))))
    plane_layout = TifLayout(
        stack.shape[len(plane_axes) :], "".join(axis for axis in layout.axes if axis in "YXC"), layout.has_alpha
    )
    for plane in stack.reshape(-1, *plane_layout.shape):
        yield _channels_last(plane, plane_layout)


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
            [
                f"{path}: a stack of {layout.num_planes} planes, expected one image; `seminar new` makes a project with one image a plane from it"
            ]
        )
    return layout


def _pixels(tif: tifffile.TiffFile, layout: TifLayout) -> npt.NDArray[Any]:
    try:
        pixels: npt.NDArray[Any] = tif.series[0].asarray()
    except ValueError as error:
        if "imagecodecs" in str(error):
            raise NeedsAnotherReader from None
        raise
    return pixels.reshape(layout.shape)


def _channels_last(pixels: npt.NDArray[Any], layout: TifLayout) -> npt.NDArray[Any]:
    if "C" not in layout.axes:
        return pixels[:, :, np.newaxis]
    pixels = np.moveaxis(pixels, layout.axes.index("C"), -1)
    return pixels[:, :, :-1] if layout.has_alpha and pixels.shape[2] > 1 else pixels
