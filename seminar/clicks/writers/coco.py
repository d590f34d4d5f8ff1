"""COCO: one JSON file of key points, or of objects as polygons or RLE.

Coordinates are counted from the edge. A class is a category with one key point of the same name,
and each click an annotation of its own. Polygons go along pixel edges: pycocotools 2.0.11 fills
them to the same mask. They have no holes; RLE has all pixels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from seminar.clicks.click_set import pixels
from seminar.clicks.writers.exported import (
    ExportImage,
    ImageObject,
    Written,
    objects_of,
    written_points,
)
from seminar.clicks.writers.outlines import outlines
from seminar.errors import SeminarError
from seminar.io.files import write_text
from seminar.labels import BACKGROUND, ClassNames

VISIBLE = 2

Segmentation = Callable[[ImageObject, ExportImage], tuple[object, bool]]
"""The field "segmentation" of an object, and whether holes were filled."""


def write_clicks(
    out: Path, images: Iterable[ExportImage], classes: ClassNames
) -> Iterator[Written]:
    """See `seminar.clicks.writers.format_table`."""
    listed: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for image in images:
        clicks = image.clicks
        assert clicks is not None
        listed.append(_image(image, len(listed) + 1))
        points, middles = written_points(clicks) + 0.5, pixels(clicks.points)
        for (y, x), (row, col), class_id in zip(
            points.tolist(), middles.tolist(), clicks.class_ids.tolist(), strict=True
        ):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": len(listed),
                    "category_id": class_id + 1,
                    "keypoints": [x, y, VISIBLE],
                    "num_keypoints": 1,
                    "bbox": [col, row, 1, 1],
                    "area": 1,
                    "iscrowd": 0,
                }
            )
        yield Written(len(clicks))
    categories = [
        {"id": class_id + 1, "name": name, "keypoints": [name], "skeleton": []}
        for class_id, name in enumerate(classes.names)
    ]
    _write(out, listed, annotations, categories)


def _write_objects(
    segmentation: Segmentation, out: Path, images: Iterable[ExportImage], classes: ClassNames
) -> Iterator[Written]:
    listed: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for image in images:
        listed.append(_image(image, len(listed) + 1))
        count = holes = 0
        for one in objects_of(image):
            value, has_holes = segmentation(one, image)
            height, width = one.mask.shape
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": len(listed),
                    "category_id": one.class_id + 1,
                    "segmentation": value,
                    "area": int(one.mask.sum()),
                    "bbox": [one.left, one.top, width, height],
                    "iscrowd": 0,
                }
            )
            count += 1
            holes += has_holes
        yield Written(count, holes)
    categories = [
        {"id": class_id + 1, "name": name}
        for class_id, name in enumerate(classes.names)
        if class_id != BACKGROUND
    ]
    _write(out, listed, annotations, categories)


def _polygons(one: ImageObject, image: ExportImage) -> tuple[object, bool]:
    pieces = outlines(one.mask, one.top, one.left)
    corners = [
        [value for row, col in piece.outer for value in (float(col), float(row))]
        for piece in pieces
    ]
    return corners, any(piece.holes for piece in pieces)


def _rle(one: ImageObject, image: ExportImage) -> tuple[object, bool]:
    try:
        from pycocotools import mask as coco_mask
    except ImportError:
        raise SeminarError(
            "RLE of COCO needs another package; pip install 'seminar-napari[clicks]'"
        ) from None
    whole = np.zeros((image.height, image.width), dtype=np.uint8, order="F")
    height, width = one.mask.shape
    whole[one.top : one.top + height, one.left : one.left + width] = one.mask
    encoded = coco_mask.encode(whole)
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode()}, False


write_polygons = partial(_write_objects, _polygons)
write_rle = partial(_write_objects, _rle)


def _image(image: ExportImage, number: int) -> dict[str, object]:
    return {
        "id": number,
        "file_name": image.file.name,
        "width": image.width,
        "height": image.height,
    }


def _write(
    out: Path,
    images: list[dict[str, object]],
    annotations: list[dict[str, object]],
    categories: list[dict[str, object]],
) -> None:
    content = {
        "info": {"description": "exported by Seminar"},
        "licenses": [],
        "categories": categories,
        "images": images,
        "annotations": annotations,
    }
    write_text(out, json.dumps(content), durable=False)
