"""What the axes and the values of a tif mean.

tifffile names the axes of a series but does not decide which pages are channels and which planes,
nor what their colours are: that is done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile

from seminar.errors import DatasetError
from seminar.io.tif_series import pictures

MAX_UNNAMED_CHANNELS = 16
"""Up to so many pages are taken as the channels of one image, and more as a stack of planes, where
no metadata say which they are.
"""

Pages = Literal["auto", "planes", "channels"]
"""Pages of a tif: as the file says, each one an image, or the channels of one image."""

Colours = Literal["as stored", "white is zero", "palette", "CMYK", "YCbCr"]
"""Values of a tif: intensities, intensities that fall towards white, or something else that is
converted to RGB of 8 bit.
"""

GREY = ("as stored", "white is zero")

INK_SET = 332
"""Tag of the inks of a printed image: 1, or no tag, is CMYK."""

ORIENTATION = 274

PLAIN_COMPRESSIONS = (1, 5, 8, 32773, 32946)
"""None, LZW, deflate, PackBits: they leave YCbCr as it is; JPEG is decoded to RGB."""

_PHOTOMETRIC = tifffile.PHOTOMETRIC

UNREAD = (
    _PHOTOMETRIC.CIELAB,
    _PHOTOMETRIC.ICCLAB,
    _PHOTOMETRIC.ITULAB,
    _PHOTOMETRIC.CFA,
    _PHOTOMETRIC.LOGL,
    _PHOTOMETRIC.LOGLUV,
)
"""Colour spaces that tifffile gives as stored, which would be taken for RGB or grey; CFA is the raw
mosaic of a camera's sensor.
"""

_MADE_FROM_PAGES = ("generic", "uniform", "shaped")
"""Kinds of series whose pages nothing names as scenes: several of them may be one stack."""


@dataclass(frozen=True)
class TifLayout:
    """Axes and values of the pictures of a tif.

    Attributes
    ----------
    shape : tuple of int
        Lengths of Y, X, and all axes longer than one.
    axes : str
        One letter per axis: Y, X, C (channels), and any other letter for an axis of planes.
    has_alpha : bool
        The last channel is transparency.
    colours : Colours
        All but those of `GREY` are read as RGB of 8 bit.
    bits : int
        Bits of a value; fewer than 8 are spread to 0..255.
    """

    shape: tuple[int, ...]
    axes: str
    has_alpha: bool
    colours: Colours
    bits: int

    @property
    def height(self) -> int:
        return self.shape[self.axes.index("Y")]

    @property
    def width(self) -> int:
        return self.shape[self.axes.index("X")]

    @property
    def channels(self) -> int:
        if self.colours not in GREY:
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


@dataclass(frozen=True)
class Stack:
    """Pictures of a tif that are alike, and their layout as one array.

    Attributes
    ----------
    layout : TifLayout
        With an axis for the series where there are several.
    series : sequence of tifffile.TiffPageSeries
    """

    layout: TifLayout
    series: Sequence[Any]

    @property
    def page(self) -> tifffile.TiffPage:
        """The first page."""
        page: tifffile.TiffPage = self.series[0].keyframe
        return page


def single_stack(tif: tifffile.TiffFile, path: Path, pages: Pages = "auto") -> Stack:
    """All pictures of a tif as one stack.

    Raises
    ------
    DatasetError
        Pictures of different sizes or kinds, and what `stacks` raises.
    """
    found = stacks(tif, path, pages)
    if len(found) > 1:
        sizes = dict.fromkeys(f"{one.layout.height} x {one.layout.width}" for one in found)
        raise DatasetError(
            f"{path}: holds pictures that do not fit together ({', '.join([*sizes][:4])} pixels, "
            "height x width); `seminar new --pages planes` makes an image of each, or save the one "
            "that you want as a file of its own"
        )
    return found[0]


def stacks(tif: tifffile.TiffFile, path: Path, pages: Pages = "auto") -> list[Stack]:
    """The pictures of a tif in the order of the file, those that are alike together.

    See `MAX_UNNAMED_CHANNELS` for files that do not say whether pages are channels or planes. Pages
    with a palette are planes, unless the file or `pages` calls them channels.

    Raises
    ------
    DatasetError
        Planes that are missing, and colour spaces that are not read.
    ValueError
        No picture, or axes that are not those of images.
    """
    alike: dict[object, list[Any]] = {}
    for series in pictures(tif, path):
        page = series.keyframe
        if page.photometric in UNREAD:
            raise DatasetError(
                f"{path}: its values are {_PHOTOMETRIC(page.photometric).name}, a colour space "
                "that is not read; save it as RGB"
            )
        palette = None if page.colormap is None else page.colormap.tobytes()
        key = series.shape, series.axes, series.dtype, page.photometric, palette
        alike.setdefault(key, []).append(series)
    return [Stack(_layout(series, pages), series) for series in alike.values()]


def _layout(alike: Sequence[Any], pages: Pages) -> TifLayout:
    series = alike[0]
    shape, letters = series.shape, series.axes
    if len(alike) > 1:
        # pages that were appended one by one are as nameless as pages of one series
        shape, letters = (len(alike), *shape), ("I" if _is_page(series) else "R") + letters
    kept = [
        (size, axis) for size, axis in zip(shape, letters, strict=True) if size != 1 or axis in "YX"
    ]
    shape = tuple(size for size, _ in kept)
    axes = "".join(axis for _, axis in kept).replace("S", "C")
    page = series.keyframe
    # nothing says what the third axis is
    if axes in ("QYX", "IYX") and page.photometric != _PHOTOMETRIC.PALETTE:
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
        shape,
        axes,
        len(samples) == 1 and int(samples[0]) in (1, 2),
        stored_colours(page, axes),
        page.bitspersample,
    )


def _is_page(series: Any) -> bool:
    return series.kind in _MADE_FROM_PAGES and not set(series.axes) - set("YXS")


def stored_colours(page: tifffile.TiffPage, axes: str) -> Colours:
    """Kind of the values of a page, given the axes of its series."""
    has_channels = "C" in axes or "S" in axes
    if page.dtype is None or page.dtype.kind not in "bu" or page.dtype.itemsize > 2:
        return "as stored"
    match page.photometric:
        case _PHOTOMETRIC.MINISWHITE:
            return "white is zero"
        case _PHOTOMETRIC.PALETTE if page.samplesperpixel > 1 or not has_channels:
            # the lookup tables of ImageJ show intensities in colour
            return "as stored" if page.is_imagej else "palette"
        case _PHOTOMETRIC.SEPARATED if page.samplesperpixel >= 4 and has_channels:
            return "CMYK" if page.tags.valueof(INK_SET, 1) == 1 else "as stored"
        case _PHOTOMETRIC.YCBCR if page.samplesperpixel == 3 and has_channels:
            return "YCbCr" if page.compression in PLAIN_COMPRESSIONS else "as stored"
    return "as stored"


def one_plane(layout: TifLayout) -> TifLayout:
    """The layout of each plane of a stack."""
    kept = [(size, axis) for size, axis in zip(layout.shape, layout.axes, strict=True)]
    kept = [(size, axis) for size, axis in kept if axis in "YXC"]
    return replace(
        layout,
        shape=tuple(size for size, _ in kept),
        axes="".join(axis for _, axis in kept),
    )
