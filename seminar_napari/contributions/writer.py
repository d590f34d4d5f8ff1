"""npe2 writer: saves a points layer as a VOC sparse mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.io.label_png import write_label_png
from seminar.labels import MAX_CLASSES, ClassNames, voc_colour
from seminar_napari.layers.clicks import CLASS


def write_clicks(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the points as an indexed PNG: their classes on their pixels, 255 elsewhere.

    The size is that of the clicked image. A points layer that Seminar did not make gets the
    smallest size that holds all points. Points without a class are of class 1.

    Raises
    ------
    SeminarError
        No points and no known size, points that are not in a plane, or a class above 254.
    """
    points = np.asarray(data, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise SeminarError(
            f"{path}: expected points in a plane, got {points.shape[-1]} dimensions; save the "
            "points of one plane"
        )
    classes = attributes.get("features", {}).get(CLASS, np.ones(len(points)))
    class_ids = np.asarray(classes, dtype=np.int64)
    if len(class_ids) and not 0 <= class_ids.min() <= class_ids.max() < MAX_CLASSES:
        raise SeminarError(
            f"{path}: a mask holds classes 0 to {MAX_CLASSES - 1}, got {class_ids.min()} to "
            f"{class_ids.max()}; correct the classes"
        )
    height, width = _size(path, points, attributes.get("metadata", {}))
    mask = ClickSet(height, width, points, class_ids).rasterize()
    colours = tuple(voc_colour(number) for number in range(MAX_CLASSES))
    write_label_png(Path(path), mask, ClassNames(tuple(map(str, range(MAX_CLASSES))), colours))
    return [path]


def _size(path: str, points: npt.NDArray[np.float64], metadata: dict[str, Any]) -> tuple[int, int]:
    known = metadata.get("seminar", {})
    if "height" in known and "width" in known:
        return int(known["height"]), int(known["width"])
    if not len(points):
        raise SeminarError(
            f"{path}: the layer has no points, so the size of the mask is not known; add a point "
            "first"
        )
    height, width = np.floor(points.max(axis=0) + 0.5).astype(int) + 1
    return max(int(height), 1), max(int(width), 1)
