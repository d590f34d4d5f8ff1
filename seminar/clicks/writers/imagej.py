"""ImageJ and Fiji: a RoiSet.zip an image, for the ROI Manager.

Clicks become one multi-point a class with the class's name and colour; a whole number is a pixel's
middle. Objects become traced polygons along pixel edges, or composite selections where they have
holes (read by ImageJ 1.53t: the same pixels). Their names tell the class, groups do not: a group
has a colour of its own in ImageJ.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from seminar.clicks.click_set import pixels
from seminar.clicks.writers.exported import (
    ExportImage,
    ImageObject,
    Written,
    objects_of,
    written_points,
)
from seminar.clicks.writers.outlines import Ring, outlines
from seminar.errors import SeminarError
from seminar.io.files import write_bytes
from seminar.labels import ClassNames

if TYPE_CHECKING:
    from roifile import ImagejRoi

ORIGIN = "seminar.origin"
"""Property by which the file can be read again without a question."""

MOVE, LINE, CLOSE = 0.0, 1.0, 4.0
"""Segments of a composite selection."""


def write_clicks(
    out: Path, images: Iterable[ExportImage], classes: ClassNames
) -> Iterator[Written]:
    """See `seminar.clicks.writers.format_table`."""
    roifile = _roifile()
    for image in images:
        clicks = image.clicks
        assert clicks is not None
        points, middles = written_points(clicks), pixels(clicks.points)
        rois = []
        for class_id in np.unique(clicks.class_ids).tolist():
            is_here = clicks.class_ids == class_id
            corner = middles[is_here].min(axis=0)
            far = middles[is_here].max(axis=0) + 1
            roi = _roi(classes, class_id, classes.names[class_id], *corner, *far)
            roi.roitype = roifile.ROI_TYPE.POINT
            roi.props = f"{ORIGIN}: centre\n"
            roi.options = roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
            roi.integer_coordinates = (middles[is_here] - corner)[:, ::-1].astype(np.int32)
            roi.subpixel_coordinates = points[is_here][:, ::-1].astype(np.float32)
            roi.n_coordinates = int(is_here.sum())
            roi.counters = np.zeros(roi.n_coordinates, dtype=np.uint8)
            rois.append(roi)
        _write_zip(out / f"{image.image_id}.zip", rois)
        yield Written(len(clicks))


def write_objects(
    out: Path, images: Iterable[ExportImage], classes: ClassNames
) -> Iterator[Written]:
    """See `seminar.clicks.writers.format_table`."""
    for image in images:
        rois = [_object_roi(one, classes) for one in objects_of(image)]
        _write_zip(out / f"{image.image_id}.zip", rois)
        yield Written(len(rois))


def _object_roi(one: ImageObject, classes: ClassNames) -> ImagejRoi:
    roifile = _roifile()
    height, width = one.mask.shape
    name = f"{classes.names[one.class_id]} {one.number}"
    box = one.top, one.left, one.top + height, one.left + width
    roi = _roi(classes, one.class_id, name, *box)
    pieces = outlines(one.mask, one.top, one.left)
    rings = [ring for piece in pieces for ring in (piece.outer, *piece.holes)]
    if len(rings) == 1:
        corners = np.array(rings[0])[:, ::-1] - (one.left, one.top)
        roi.roitype = roifile.ROI_TYPE.TRACED
        roi.integer_coordinates = corners.astype(np.int32)
        roi.n_coordinates = len(corners)
    else:
        path = [value for ring in rings for value in _path(ring)]
        roi.roitype = roifile.ROI_TYPE.RECT
        roi.multi_coordinates = np.array(path, dtype=np.float32)
        roi.shape_roi_size = len(path)
    return roi


def _path(ring: Ring) -> Iterator[float]:
    segment = MOVE
    for row, col in ring:
        yield from (segment, col, row)
        segment = LINE
    yield CLOSE


def _roi(
    classes: ClassNames, class_id: int, name: str, top: int, left: int, bottom: int, right: int
) -> ImagejRoi:
    roi: ImagejRoi = _roifile().ImagejRoi(
        name=name,
        top=int(top),
        left=int(left),
        bottom=int(bottom),
        right=int(right),
        stroke_color=bytes((255, *classes.colours[class_id])),
    )
    return roi


def _write_zip(path: Path, rois: list[ImagejRoi]) -> None:
    data = io.BytesIO()
    taken: set[str] = set()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, roi in enumerate(rois):
            name = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", roi.name)
            name = f"{name}-{number}" if name.casefold() in taken else name
            taken.add(name.casefold())
            archive.writestr(f"{name}.roi", roi.tobytes())
    write_bytes(path, data.getvalue(), durable=False)


def _roifile() -> ModuleType:
    try:
        import roifile
    except ImportError:
        raise SeminarError(
            "selections of ImageJ need another package; pip install 'seminar-napari[clicks]'"
        ) from None
    return roifile
