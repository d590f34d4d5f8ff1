"""An image of a project, of any depth and number of channels, as napari shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Picture:
    """An image as napari shows it.

    Attributes
    ----------
    data : ndarray
        (H, W) grey, (H, W, 3) RGB, or (C, H, W) planes under a slider for 2 or more than 3
        channels.
    rgb : bool
    contrast_limits : (low, high) or None
        None for RGB.
    """

    data: npt.NDArray[Any]
    rgb: bool
    contrast_limits: tuple[float, float] | None


def picture(image: npt.NDArray[Any]) -> Picture:
    """The picture of an image, (H, W, C) uint8, uint16 or float32."""
    channels = image.shape[2]
    if channels == 3 and image.dtype == np.uint8:
        return Picture(np.ascontiguousarray(image), True, None)
    if channels == 3:
        low, high = _limits(image)
        scaled = (np.nan_to_num(image.astype(np.float32)) - low) / (high - low)
        return Picture((np.clip(scaled, 0, 1) * 255).astype(np.uint8), True, None)
    data = image[..., 0] if channels == 1 else np.moveaxis(image, 2, 0)
    limits = (0, 255) if image.dtype == np.uint8 else _limits(image)
    return Picture(np.ascontiguousarray(data), False, limits)


def _limits(image: npt.NDArray[Any]) -> tuple[float, float]:
    finite = image[np.isfinite(image)] if image.dtype.kind == "f" else image
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low, low + 1.0)
