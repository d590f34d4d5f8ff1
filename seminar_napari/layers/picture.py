"""An image of a project, of any depth and number of channels, as napari shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seminar.config.settings import TrainConfig
from seminar.io.intensities import limits, spread

STRETCH = TrainConfig.stretch
"""Percentiles that become black and white, as training sees the images by default."""

Limits = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Picture:
    """An image as napari shows it.

    Attributes
    ----------
    data : ndarray
        (H, W) grey, (H, W, 3) RGB, or (C, H, W) planes under a slider for 2 or more than 3
        channels.
    rgb : bool
    contrast_limits : tuple of (low, high)
        Black and white of each plane, as training stretches it; none for RGB, whose values are
        stretched already.
    contrast_range : (low, high)
        Between these, limits can be set by hand.
    """

    data: npt.NDArray[Any]
    rgb: bool
    contrast_limits: tuple[Limits, ...]
    contrast_range: Limits


def picture(image: npt.NDArray[Any]) -> Picture:
    """The picture of an image, (H, W, C) uint8, uint16 or float32.

    Three channels of 8 bits are a photograph: they are stretched alike, so that it keeps its
    colours. Other channels are stretched separately, as in training.
    """
    planes = np.ascontiguousarray(np.moveaxis(image, 2, 0))
    if len(planes) == 3 and image.dtype == np.uint8:
        return Picture(
            _stretched_alike(image, *_limits(np.concatenate(planes))), True, (), (0, 255)
        )
    stretched = tuple(_limits(plane) for plane in planes)
    if len(planes) == 3:
        spread_out = [
            spread(np.nan_to_num(plane), *pair)
            for plane, pair in zip(planes, stretched, strict=True)
        ]
        return Picture(np.stack(spread_out, axis=2).astype(np.uint8), True, (), (0, 255))
    data = planes[0] if len(planes) == 1 else planes
    return Picture(data, False, stretched, _range(data))


def _stretched_alike(image: npt.NDArray[np.uint8], low: float, high: float) -> npt.NDArray[Any]:
    values = np.arange(256, dtype=np.uint8)[np.newaxis]
    return np.ascontiguousarray(spread(values, low, high)[0].astype(np.uint8)[image])


def _limits(plane: npt.NDArray[Any]) -> Limits:
    if plane.dtype.kind == "f":
        plane = plane[np.isfinite(plane)][np.newaxis]
    black, white = limits(plane, STRETCH) if plane.size else (0.0, 1.0)
    if white > black:
        return black, white
    return (0.0, 255.0) if plane.dtype == np.uint8 else (black, black + 1.0)


def _range(planes: npt.NDArray[Any]) -> Limits:
    """From the least to the largest value, or all of 8 bits."""
    if planes.dtype == np.uint8:
        return 0.0, 255.0
    finite = planes[np.isfinite(planes)] if planes.dtype.kind == "f" else planes
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)
