"""What objects measure: size, place, and how bright each channel is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.measure import regionprops_table

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.inference.instances.score import Objects, classes_of
from seminar.io.intensities import ImageArray
from seminar.io.pixel_size import PixelSize
from seminar.labels import BACKGROUND, ClassNames, LabelMap

Columns = dict[str, npt.NDArray[np.generic]]
"""Columns of a table by name, each as long as there are objects."""

PROPERTIES: Mapping[str, str] = {
    "label": "object",
    "area": "area",
    "equivalent_diameter_area": "equivalent_diameter",
    "centroid-0": "row",
    "centroid-1": "col",
}
"""What scikit-image calls the columns that it measures, and what they are called here."""


def measure_objects(
    instances: npt.NDArray[np.integer],
    image: ImageArray,
    *,
    labels: LabelMap | None = None,
    classes: ClassNames | None = None,
    clicks: ClickSet | None = None,
    pixel_size: PixelSize | None = None,
) -> Columns:
    """Measure each object, one entry a column each; columns without entries where there is none.

    Parameters
    ----------
    instances : ndarray, (H, W) integers
        0 is no object; numbers may have gaps.
    image : ndarray, (H, W, C) or (H, W)
        As `seminar.io.images.read_image` returns it: intensities are measured as stored.
    labels : ndarray, (H, W) uint8, optional
        Class ids; an object has the class of most of its pixels.
    classes : ClassNames, optional
        Without them, classes are not known.
    clicks : ClickSet, optional
        An object that has no class by `labels` has that of the click on it.
    pixel_size : PixelSize, optional
        Adds the columns in micrometres.

    Returns
    -------
    dict
        object : its number in `instances`, ascending.
        class : its name; "" where it is not known.
        area : pixels. equivalent_diameter : of a disc of this area, in pixels.
        row, col : centroid in pixels; whole numbers are pixel centres.
        mean_1, sum_1, mean_2, ... : intensity of each channel, from 1.
        touches_border : whether a pixel lies at the rim of the image, so that more of the object
        may be outside.
        area_um2, equivalent_diameter_um, row_um, col_um : with `pixel_size`.

    Raises
    ------
    SeminarError
        Instances, image or labels of different sizes.
    """
    for name, array in (("image", image), ("labels", labels)):
        if array is not None and array.shape[:2] != instances.shape:
            raise SeminarError(
                f"expected {name} of the size of the instances, {_size(instances.shape)} pixels "
                f"(height x width), got {_size(array.shape[:2])}; divide the mask of this image"
            )
    channels = np.atleast_3d(image)
    found = _measured(instances, channels)
    columns: Columns = {
        "object": found["object"],
        "class": _class_names(instances, labels, classes, clicks),
        **{name: found[name] for name in ("area", "equivalent_diameter", "row", "col")},
    }
    for channel in range(channels.shape[2]):
        mean = found[f"mean_{channel + 1}"]
        columns |= {f"mean_{channel + 1}": mean, f"sum_{channel + 1}": mean * found["area"]}
    columns["touches_border"] = found["touches_border"]
    if pixel_size is not None:
        area = found["area"] * pixel_size.height * pixel_size.width
        columns |= {
            "area_um2": area,
            "equivalent_diameter_um": 2 * np.sqrt(area / np.pi),
            "row_um": found["row"] * pixel_size.height,
            "col_um": found["col"] * pixel_size.width,
        }
    return columns


def _measured(
    instances: npt.NDArray[np.integer], channels: npt.NDArray[np.generic]
) -> dict[str, npt.NDArray[Any]]:
    # float64: sums of 16-bit intensities over large objects
    table = regionprops_table(
        instances.astype(np.int32),
        channels.astype(np.float64),
        properties=(
            *("label", "area", "equivalent_diameter_area", "centroid"),
            *("bbox", "intensity_mean"),
        ),
    )
    found = {name: np.asarray(table[ours]) for ours, name in PROPERTIES.items()}
    found["area"] = found["area"].astype(np.int64)
    for channel in range(channels.shape[2]):
        name = f"intensity_mean-{channel}" if channels.shape[2] > 1 else "intensity_mean"
        name = name if name in table else f"intensity_mean-{channel}"
        found[f"mean_{channel + 1}"] = np.asarray(table[name])
    height, width = instances.shape
    top, left, bottom, right = (np.asarray(table[f"bbox-{side}"]) for side in range(4))
    found["touches_border"] = (top == 0) | (left == 0) | (bottom == height) | (right == width)
    return found


def _class_names(
    instances: npt.NDArray[np.integer],
    labels: LabelMap | None,
    classes: ClassNames | None,
    clicks: ClickSet | None,
) -> npt.NDArray[np.str_]:
    if labels is None:
        labels = np.zeros(instances.shape, dtype=np.uint8)
    _, class_ids = classes_of(Objects(instances, labels, clicks))
    is_known = (class_ids != BACKGROUND) & (classes is not None)
    names = classes.names if classes else ()
    return np.array(
        [names[each] if known else "" for each, known in zip(class_ids, is_known, strict=True)],
        dtype=np.str_,
    )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]}"
