"""The colours of classes on screen, seen on black and on white."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from seminar.labels import BACKGROUND, ClassNames, Colour, voc_colour

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_LEAST, _MOST = 0.12, 0.30
"""Relative luminance: contrast of at least 3 with black, and with white (WCAG 2.2)."""

_DARK = 0.12
"""Colours darker than this keep their order of lightness between the two."""


def screen_palette(classes: ClassNames) -> npt.NDArray[np.uint8]:
    """(256, 3) uint8: the palette of the classes, with the VOC map's colours made visible.

    The VOC map has maroon, navy and others that vanish over dark images. They keep their hue and
    their order of lightness. Colours that somebody chose, and those in files, are left alone.
    """
    palette = classes.palette()
    for class_id, colour in enumerate(classes.colours):
        if class_id != BACKGROUND and colour == voc_colour(class_id):
            palette[class_id] = visible(colour)
    return palette


@functools.cache
def visible(colour: Colour) -> Colour:
    """A colour of this hue that is seen on black and on white."""
    linear = _linear(np.maximum(colour, 1) / 255)
    wanted = _LEAST + (_MOST - _LEAST) * min(float(linear @ _LUMINANCE) / _DARK, 1.0)
    pure = linear / linear.max()  # the lightest of this hue without white
    lightest = float(pure @ _LUMINANCE)
    if lightest >= wanted:
        linear = pure * (wanted / lightest)
    else:
        white = (wanted - lightest) / (1 - lightest)
        linear = pure * (1 - white) + white
    red, green, blue = np.round(255 * _encoded(linear)).astype(int).tolist()
    return red, green, blue


def _linear(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Light of sRGB values on 0..1."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _encoded(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """sRGB values on 0..1 of light."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
