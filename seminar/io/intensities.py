"""What the values of an image mean: depths that are kept, and the range 0..255 networks see."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from seminar.errors import SeminarError

ImageArray = npt.NDArray[Any]
"""(H, W, C) uint8, uint16 or float32."""

SAMPLES = 2**20
"""About so many values are enough for a percentile."""


def as_stored(pixels: ImageArray) -> ImageArray:
    """Contiguous uint8, uint16 or float32 in this machine's byte order.

    Any other kind of number becomes float32, False and True become 0 and 255.
    """
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind not in "uif":
        raise ValueError(f"{pixels.dtype} values are not intensities")
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2:
        return np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("="))
    with np.errstate(over="ignore"):  # larger than float32: infinite, which `to_float` refuses
        return np.ascontiguousarray(pixels, dtype=np.float32)


def to_float(
    image: ImageArray,
    *,
    channels: tuple[int, ...] = (),
    stretch: tuple[float, float] = (0.0, 100.0),
    where: str = "the image",
) -> npt.NDArray[np.float32]:
    """The chosen channels as (C, H, W) float32 on 0..255, stretched between two percentiles.

    Training and prediction both read images through this function.

    Parameters
    ----------
    image : ndarray, (H, W, C) or (H, W)
        As `seminar.io.images.read_image` returns it.
    channels : tuple of int
        Channels from 0, in this order; empty takes all.
    stretch : tuple of float
        Percentiles, 0..100, that become 0 and 255, for each channel separately; values beyond are
        clipped. (0, 100) leaves 8-bit images as they are and spreads 16-bit and float images from
        their minimum to their maximum. A constant channel becomes 0.
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
    return np.stack([spread(plane, *limits(plane, stretch)) for plane in planes])


def spread(plane: ImageArray, black: float, white: float) -> npt.NDArray[np.float32]:
    """(H, W) float32 in which `black` has become 0 and `white` 255; 0 if they are equal."""
    result = np.zeros(plane.shape, dtype=np.float32)
    if white > black:
        for line, values in zip(result, plane, strict=True):  # float64 of a whole plane is large
            share = (values.astype(np.float64) - black) / (white - black)
            line[:] = np.clip(share, 0.0, 1.0) * 255.0
    return result


def percentile_step(num_values: int) -> int:
    """Every so many rows and columns are enough for a percentile of a plane."""
    return max(1, round(math.sqrt(num_values / SAMPLES)))


def not_finite(planes: ImageArray) -> str:
    """Where an image, (C, H, W), has NaN or infinite values, with the remedy; empty if nowhere."""
    if planes.dtype.kind != "f" or np.isfinite(planes).all():
        return ""
    bad = np.argwhere(~np.isfinite(planes))
    _, row, col = bad[0]
    count = f"{len(bad)} values are" if len(bad) > 1 else "a value is"
    return (
        f"{count} NaN or infinite, first at row {row}, column {col}; replace them with numbers and "
        "save the image again"
    )


def limits(plane: ImageArray, stretch: tuple[float, float]) -> tuple[float, float]:
    """The values of a plane, (H, W), that become black and white under these percentiles."""
    if tuple(stretch) == (0, 100):
        return float(plane.min()), float(plane.max())
    step = percentile_step(plane.size)
    black, white = np.percentile(plane[::step, ::step].astype(np.float64), stretch)
    return float(black), float(white)
