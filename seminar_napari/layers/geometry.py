"""Where layers lie in the viewer: scale, translate, rotate, shear, affine and units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Geometry = Mapping[str, Any]
"""Keyword arguments of a napari layer, by the names in `GEOMETRY`."""

GEOMETRY = ("scale", "translate", "rotate", "shear", "affine", "units")


def plane_geometry(layer: Any) -> dict[str, Any]:
    """The geometry of a layer's last two axes, for a 2-D layer that lies over it."""
    return {
        "scale": layer.scale[-2:].copy(),
        "translate": layer.translate[-2:].copy(),
        "rotate": layer.rotate[-2:, -2:].copy(),
        "shear": layer.shear[-1:].copy(),
        "affine": layer.affine.set_slice([layer.ndim - 2, layer.ndim - 1]).affine_matrix.copy(),
        "units": tuple(layer.units[-2:]),
    }


def with_leading_axes(geometry: Geometry, axes: int) -> dict[str, Any]:
    """The 2-D geometry for a layer with `axes` more axes in front."""
    if not geometry or not axes:
        return dict(geometry)
    rotate, affine = np.eye(2 + axes), np.eye(3 + axes)
    rotate[axes:, axes:] = geometry["rotate"]
    affine[axes:, axes:] = geometry["affine"]
    shear = np.zeros((2 + axes) * (1 + axes) // 2)
    shear[-1:] = geometry["shear"]
    return {
        "scale": [1.0] * axes + list(geometry["scale"]),
        "translate": [0.0] * axes + list(geometry["translate"]),
        "rotate": rotate,
        "shear": shear,
        "affine": affine,
        "units": ("pixel",) * axes + tuple(geometry["units"]),
    }


def set_geometry(layer: Any, geometry: Geometry) -> None:
    """Move a layer to this geometry.

    napari spends 30 ms on each value that is set, equal or not, so equal ones are not set.
    """
    for name, value in geometry.items():
        if not _equal(getattr(layer, name), value):
            setattr(layer, name, value)


def follow_geometry(before: Any, layer: Any, action: Callable[[], object]) -> None:
    """Call `action` when `layer` is scaled, moved, ..., and no more when `before` is.

    Either may be None. The action comes after all earlier listeners.
    """
    for name in GEOMETRY:
        if before is not None:
            getattr(before.events, name).disconnect(action)
        if layer is not None:
            getattr(layer.events, name).connect(action, position="last")


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, tuple):  # units
        return tuple(map(str, first)) == tuple(map(str, second))
    return np.array_equal(*(getattr(item, "affine_matrix", item) for item in (first, second)))
