"""The filters of `seminar.models.shallow` in numpy: importing torch takes longer than they do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

LEVELS = 5
"""Scales: a Gaussian of `SIGMA` px at strides 1, 2, 4, 8 and 16, so about 1 to 16 px."""

SIGMA = 1.0
RADIUS = 4
"""Pixels from its middle to where the Gaussian is cut off."""

PER_CHANNEL = 4
"""Features of one channel at one scale: intensity, gradient, larger and smaller curvature."""

STRIDES = tuple(2**level for level in range(LEVELS))

Floats = npt.NDArray[np.float32]


def filter_maps(image: Floats) -> list[Floats]:
    """Maps of (C, H, W) on 0..255 at `STRIDES`: each (4 C, ceil(H / 16) * 16 / stride, ...).

    They are those of `seminar.models.shallow.ShallowStream` but for rounding.
    """
    bottom, right = (-side % STRIDES[-1] for side in image.shape[1:])
    image = np.pad(image, ((0, 0), (0, bottom), (0, right)), mode="edge") / np.float32(255)
    maps = []
    for stride in STRIDES:
        if stride > 1:
            pairs = image.reshape(len(image), image.shape[1] // 2, 2, image.shape[2] // 2, 2)
            image = pairs.mean(axis=(2, 4))
        maps.append(_features(image))
    return maps


def _features(image: Floats) -> Floats:
    blurred = ndimage.gaussian_filter(
        image, (0, SIGMA, SIGMA), mode="nearest", truncate=RADIUS / SIGMA
    )
    around = np.pad(blurred, ((0, 0), (1, 1), (1, 1)), mode="edge")
    up, down = around[:, :-2, 1:-1], around[:, 2:, 1:-1]
    left, right = around[:, 1:-1, :-2], around[:, 1:-1, 2:]
    gradient = np.hypot((down - up) / 2, (right - left) / 2)
    rows, cols = down + up - 2 * blurred, right + left - 2 * blurred
    mixed = around[:, 2:, 2:] + around[:, :-2, :-2] - around[:, 2:, :-2] - around[:, :-2, 2:]
    mean, spread = (rows + cols) / 2, np.hypot((rows - cols) / 2, mixed / 4)
    return np.concatenate([blurred, gradient, mean + spread, mean - spread])


def at_pixels(maps: list[Floats], pixels: npt.NDArray[np.int64]) -> Floats:
    """(n, F) features at (n, 2) pixels (row, col), as `enlarged` interpolates."""
    found = []
    for stride, each in zip(STRIDES, maps, strict=True):
        place = ((pixels + 0.5) / stride - 0.5).T
        found += [ndimage.map_coordinates(one, place, order=1, mode="nearest") for one in each]
    return np.stack(found, axis=1)


def enlarged(values: Floats, stride: int) -> Floats:
    """(n, h, w) at a stride as (n, h * stride, w * stride), bilinear between middles of cells."""
    for axis in (1, 2):
        size = values.shape[axis]
        place = np.maximum((np.arange(stride * size) + 0.5) / stride - 0.5, 0)
        low = place.astype(np.int64)
        share = (place - low).astype(np.float32).reshape((-1, 1) if axis == 1 else -1)
        first, second = (values.take(cells, axis) for cells in (low, np.minimum(low + 1, size - 1)))
        values = first + (second - first) * share
    return values
