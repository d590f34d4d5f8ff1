"""Images larger than memory, read in windows: OME-Zarr and tiled tif."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from seminar.errors import SeminarError
from seminar.io.images import explained
from seminar.io.intensities import percentile_step, spread
from seminar.io.ome_zarr import open_array, read_multiscale, zarr_module
from seminar.io.tif_layout import single_stack
from seminar.io.tif_series import open_tif, pictures

Levels = tuple[tuple[float, float], ...] | None
"""(black, white) of each channel used; None leaves 8-bit values as they are."""

MAX_CHUNK_BYTES = 2**30
"""Largest chunk that is decompressed, to protect the memory from hostile headers."""


@dataclass(frozen=True)
class LargeSource:
    """An image on disk and its axes; small and picklable, without the pixels.

    Attributes
    ----------
    path : str
    kind : {"zarr", "tif"}
    array : str
        Path of the full-resolution array within the OME-Zarr.
    axes : str
        One letter per axis: y, x, c, and any of t and z, whose planes are predicted separately.
    shape : tuple of int
    dtype : str
    """

    path: str
    kind: Literal["zarr", "tif"]
    array: str
    axes: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def height(self) -> int:
        return self.shape[self.axes.index("y")]

    @property
    def width(self) -> int:
        return self.shape[self.axes.index("x")]

    @property
    def channels(self) -> int:
        return self.shape[self.axes.index("c")] if "c" in self.axes else 1

    @property
    def plane_axes(self) -> str:
        return "".join(axis for axis in self.axes if axis not in "cyx")

    @property
    def plane_shape(self) -> tuple[int, ...]:
        return tuple(self.shape[self.axes.index(axis)] for axis in self.plane_axes)

    @property
    def num_planes(self) -> int:
        return int(np.prod(self.plane_shape, dtype=np.int64))


def open_source(path: Path) -> LargeSource:
    """Read the metadata of an OME-Zarr or a tif.

    Raises
    ------
    SeminarError
        Neither, damaged, unknown axes, colours that are not RGB, metadata that points outside of
        the image, chunks too large for memory.
    """
    if path.is_dir():
        multiscale = read_multiscale(path)
        source = LargeSource(
            str(path), "zarr", multiscale.array, multiscale.axes, multiscale.shape, multiscale.dtype
        )
    else:
        with explained(path), open_tif(path) as tif:
            stack = single_stack(tif, path)
            series = stack.series[0]
            axes = series.axes.replace("S", "C").lower()
            source = LargeSource(str(path), "tif", "", axes, tuple(series.shape), str(series.dtype))
            if (stored := stack.layout.colours) != "as stored" or stack.layout.bits < 8:
                found = f"{stack.layout.bits} bits a value" if stored == "as stored" else stored
                raise SeminarError(
                    f"{path}: its values are stored as {found}, and block by block only RGB and "
                    "grey of 8 bits or more in which black is zero are read; save it as one of them"
                )
    with explained(path), _opened(source) as array:
        chunks = array.chunks
    axes = source.axes
    if not set("yx") <= set(axes) <= set("tczyx") or len(set(axes)) < len(axes):
        raise SeminarError(
            f"{path}: axes {axes}, expected y and x, and perhaps c, z and t; save it with these "
            "axes"
        )
    if np.dtype(source.dtype).kind not in "uif" or not all(source.shape):
        raise SeminarError(
            f"{path}: {source.dtype} values of shape {source.shape} are not an image; give an "
            "image of whole or real numbers"
        )
    if np.prod(chunks, dtype=np.float64) * np.dtype(source.dtype).itemsize > MAX_CHUNK_BYTES:
        raise SeminarError(
            f"{path}: its chunks of {chunks} values do not fit into memory one by one; save it in "
            "smaller chunks or tiles, such as 1024 x 1024"
        )
    return source


def read_window(
    source: LargeSource, plane: tuple[int, ...], rows: slice, cols: slice
) -> npt.NDArray[Any]:
    """(C, h, w) of one plane in the image's own depth."""
    place = dict(zip(source.plane_axes, plane, strict=True)) | {"y": rows, "x": cols}
    index = tuple(place.get(axis, slice(None)) for axis in source.axes)
    kept = [axis for axis in source.axes if axis in "cyx"]
    with explained(Path(source.path)), _opened(source) as array:
        window = np.asarray(array[index])
    order = [kept.index(axis) for axis in "cyx" if axis in kept]
    window = window.transpose(order)
    return window if "c" in kept else window[np.newaxis]


def prepare_block(
    source: LargeSource,
    plane: tuple[int, ...],
    rows: tuple[int, int],
    cols: tuple[int, int],
    *,
    channels: tuple[int, ...],
    levels: Levels,
) -> npt.NDArray[np.float32]:
    """The network's input for a window, (C, h, w) float32 on 0..255.

    The same values as `seminar.io.intensities.to_float` computes from the whole image.
    """
    window = _read_finite(source, plane, rows, cols, channels)
    if levels is None:
        return window.astype(np.float32)
    pairs = zip(window, levels, strict=True)
    return np.stack([spread(values, black, white) for values, (black, white) in pairs])


def find_levels(
    source: LargeSource,
    plane: tuple[int, ...],
    *,
    channels: tuple[int, ...],
    stretch: tuple[float, float],
    block: int,
) -> Levels:
    """Black and white of each channel of a plane, from one pass over it in blocks.

    The same as `seminar.io.intensities.to_float` finds in memory: minimum and maximum for
    (0, 100), else percentiles of about a million values.
    """
    if source.dtype == "uint8" and tuple(stretch) == (0, 100):
        return None
    whole = tuple(stretch) == (0, 100)
    step = 1 if whole else percentile_step(source.height * source.width)
    found = []
    for row, col in itertools.product(
        range(0, source.height, block), range(0, source.width, block)
    ):
        window = _read_finite(source, plane, (row, row + block), (col, col + block), channels)
        window = window[:, -row % step :: step, -col % step :: step]
        if window.size:
            found.append(
                np.stack([window.min(axis=(1, 2)), window.max(axis=(1, 2))], axis=1)
                if whole
                else window.reshape(len(window), -1)
            )
    values = np.concatenate(found, axis=1).astype(np.float64)
    limits = (
        zip(values.min(axis=1), values.max(axis=1), strict=True)
        if whole
        else np.percentile(values, stretch, axis=1).T
    )
    return tuple((float(black), float(white)) for black, white in limits)


def _read_finite(
    source: LargeSource,
    plane: tuple[int, ...],
    rows: tuple[int, int],
    cols: tuple[int, int],
    channels: tuple[int, ...],
) -> npt.NDArray[Any]:
    window = read_window(source, plane, slice(*rows), slice(*cols))
    window = window[list(channels)] if channels else window
    if window.dtype.kind == "f" and not np.isfinite(window).all():
        raise SeminarError(
            f"{source.path}: NaN or infinite values between rows {rows[0]} and "
            f"{rows[0] + window.shape[1]}, columns {cols[0]} and {cols[0] + window.shape[2]}; "
            "replace them with numbers and save the image again"
        )
    return window


@contextlib.contextmanager
def _opened(source: LargeSource) -> Iterator[Any]:
    if source.kind == "zarr":
        yield open_array(Path(source.path), source.array)
        return
    zarr = zarr_module()
    path = Path(source.path)
    with open_tif(path) as tif, pictures(tif, path)[0].aszarr(level=0) as store:
        yield zarr.open_array(store, mode="r")
