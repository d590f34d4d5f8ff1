"""labelme: a JSON file an image, next to which labelme finds it by a relative path.

Coordinates are counted from the edge. Clicks become points. Objects become polygons along pixel
edges, in one group if an object has several pieces; holes are filled, because a polygon of labelme
has none (read by labelme 6.3.1).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from seminar.clicks.writers.exported import ExportImage, Written, objects_of, written_points
from seminar.clicks.writers.outlines import outlines
from seminar.io.files import write_text
from seminar.labels import ClassNames

VERSION = "6.3.1"


def write_clicks(
    out: Path, images: Iterable[ExportImage], classes: ClassNames
) -> Iterator[Written]:
    """See `seminar.clicks.writers.format_table`."""
    for image in images:
        clicks = image.clicks
        assert clicks is not None
        from_edge = (written_points(clicks) + 0.5).tolist()
        shapes = [
            _shape("point", classes.names[class_id], [[x, y]])
            for (y, x), class_id in zip(from_edge, clicks.class_ids.tolist(), strict=True)
        ]
        _write(out, image, shapes)
        yield Written(len(clicks))


def write_objects(
    out: Path, images: Iterable[ExportImage], classes: ClassNames
) -> Iterator[Written]:
    """See `seminar.clicks.writers.format_table`."""
    for image in images:
        shapes = []
        count = holes = 0
        for one in objects_of(image):
            pieces = outlines(one.mask, one.top, one.left)
            group = one.number if len(pieces) > 1 else None
            for piece in pieces:
                corners = [[float(col), float(row)] for row, col in piece.outer]
                shapes.append(_shape("polygon", classes.names[one.class_id], corners, group))
            count += 1
            holes += any(piece.holes for piece in pieces)
        _write(out, image, shapes)
        yield Written(count, holes)


def _shape(
    kind: str, label: str, points: list[list[float]], group: int | None = None
) -> dict[str, object]:
    return {
        "label": label,
        "points": points,
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
    }


def _write(out: Path, image: ExportImage, shapes: list[dict[str, object]]) -> None:
    try:
        relative = Path(os.path.relpath(image.file, out)).as_posix()
    except ValueError:  # another drive of Windows
        relative = image.file.absolute().as_posix()
    content: dict[str, object] = {
        "version": VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": relative,
        "imageData": None,
        "imageHeight": image.height,
        "imageWidth": image.width,
    }
    write_text(out / f"{image.image_id}.json", json.dumps(content, indent=1), durable=False)
