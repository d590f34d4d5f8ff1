"""Tif files as arrays: one image, or a stack of planes, in grey or RGB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
from PIL import Image

from seminar.errors import DatasetError
from seminar.io.tif_layout import (
    ORIENTATION,
    Pages,
    Stack,
    TifLayout,
    one_plane,
    single_stack,
    stacks,
)
from seminar.io.tif_series import open_tif


class NeedsAnotherReader(Exception):
    """A compression that tifffile cannot decode without imagecodecs.

    Attributes
    ----------
    page : int or tuple of int
        The page that the image is on.
    """

    def __init__(self, page: int | tuple[int, ...]) -> None:
        super().__init__()
        self.page = page


def tif_header(path: Path) -> tuple[int, int, int, bool, bool]:
    """Height, width, channels without transparency; are the values floats; is it noted as turned.

    A stack of planes is refused, as by `read_tif`.
    """
    with open_tif(path) as tif:
        stack = single_stack(tif, path)
        layout = _single_image(stack.layout, path)
        is_float = stack.series[0].dtype.kind == "f"
        is_turned = stack.page.tags.valueof(ORIENTATION, 1) not in (0, 1)
        return layout.height, layout.width, layout.channels, is_float, is_turned


def tif_layout(path: Path, pages: Pages = "auto") -> TifLayout:
    """Layout of all pictures of a tif as one stack, see `seminar.io.tif_layout.single_stack`."""
    with open_tif(path) as tif:
        return single_stack(tif, path, pages).layout


def read_tif(path: Path) -> npt.NDArray[Any]:
    """A tif of one image, as (H, W, C) in its own depth.

    Raises
    ------
    NeedsAnotherReader
        tifffile cannot decompress it.
    DatasetError
        A stack of planes.
    """
    with open_tif(path) as tif:
        stack = single_stack(tif, path)
        _single_image(stack.layout, path)
        return _picture(_pixels(stack), stack.layout, stack.page.colormap)


def tif_pages(path: Path, pages: Pages = "auto") -> tuple[int, int, bool]:
    """What pages become that are taken as `pages`.

    Returns
    -------
    images : int
    channels : int
        Of each; 0 where they differ.
    is_same : bool
        Whether `read_tif` reads the same.
    """
    with open_tif(path) as tif:
        found = _each_kind(tif, path, pages)
        layout = found[0].layout
        images = sum(stack.layout.num_planes for stack in found)
        channels = {stack.layout.channels for stack in found}
        is_single = len(found) == 1 and not layout.plane_axes
        is_same = is_single and layout == single_stack(tif, path).layout
        return images, channels.pop() if len(channels) == 1 else 0, is_same


def tif_planes(path: Path, pages: Pages = "auto") -> Iterator[npt.NDArray[Any]]:
    """Planes of a stack, (H, W, C), in the order of the file; a single image is one plane.

    Pictures of different sizes or kinds are planes too where `pages` says so, or where the file's
    metadata tell its scenes apart.
    """
    with open_tif(path) as tif:
        for stack in _each_kind(tif, path, pages):
            yield from _planes(stack)


def _each_kind(tif: Any, path: Path, pages: Pages) -> list[Stack]:
    found = stacks(tif, path, pages)
    has_scenes = all(one.kind == "ome" for stack in found for one in stack.series)
    return found if pages == "planes" or has_scenes else [single_stack(tif, path, pages)]


def _planes(stack: Stack) -> Iterator[npt.NDArray[Any]]:
    axes = stack.layout.plane_axes
    planes = np.moveaxis(_pixels(stack), axes, tuple(range(len(axes))))
    layout = one_plane(stack.layout)
    for plane in planes.reshape(-1, *layout.shape):
        yield _picture(plane, layout, stack.page.colormap)


def tif_values(path: Path) -> npt.NDArray[Any]:
    """All pages of a tif, (pages, H, W), as stored: the class ids, without their palette."""
    with open_tif(path) as tif:
        pixels = _pixels(single_stack(tif, path, "planes"))
    return pixels.reshape(-1, *pixels.shape[-2:])


def tif_is_whole(path: Path) -> bool:
    """Whether the file is long enough for all the data that its header lists."""
    length = path.stat().st_size
    with open_tif(path) as tif:
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


def _pixels(stack: Stack) -> npt.NDArray[Any]:
    try:
        found = [series.asarray() for series in stack.series]
    except (ValueError, NotImplementedError) as error:
        if "imagecodecs" in str(error):
            raise NeedsAnotherReader(stack.page.index) from None
        raise
    pixels: npt.NDArray[Any] = found[0] if len(found) == 1 else np.stack(found)
    return pixels.reshape(stack.layout.shape)


def _picture(
    pixels: npt.NDArray[Any], layout: TifLayout, palette: npt.NDArray[np.uint16] | None
) -> npt.NDArray[Any]:
    """One plane as (H, W, C): its channels, or RGB from the upper 8 bits of other values."""
    plane = _channels_last(pixels, layout)
    match layout.colours:
        case "as stored":
            return _spread(plane, layout.bits)
        case "white is zero":
            white = np.array(2**layout.bits - 1).astype(plane.dtype)
            return _spread(white ^ plane, layout.bits)
        case "palette":
            return _in_palette(plane[:, :, 0], palette)
        case "CMYK" | "YCbCr":
            values = plane[:, :, :4]  # the colour of further inks is unknown
            values = (values >> 8).astype(np.uint8) if values.dtype.itemsize == 2 else values
            image = Image.frombytes(layout.colours, (layout.width, layout.height), values.tobytes())
            return np.asarray(image.convert("RGB"))
        case _:
            assert_never(layout.colours)


def _spread(values: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """Values of 2 to 7 bits on 0..255, as Pillow reads them; others as they are."""
    if values.dtype != np.uint8 or bits >= 8:
        return values
    share: npt.NDArray[Any] = values.astype(np.uint16) * 255 // (2**bits - 1)
    return share.astype(np.uint8)


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
