"""QuPath: a GeoJSON file an image, for *File > Import objects from file*.

Coordinates are counted from the edge. Clicks become one annotation of points a class; objects
become detections with polygons along pixel edges, holes included. The classification has the
class's name and colour (source of QuPath 0.8; not run).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from seminar.clicks.writers.exported import ExportImage, Written, objects_of, written_points
from seminar.clicks.writers.outlines import Outline, Ring, outlines
from seminar.io.files import write_text
from seminar.labels import ClassNames


def write_clicks(
    out: Path, images: Iterable[ExportImage], classes: ClassNames
) -> Iterator[Written]:
    """See `seminar.clicks.writers.format_table`."""
    for image in images:
        clicks = image.clicks
        assert clicks is not None
        from_edge = written_points(clicks)[:, ::-1] + 0.5
        features = [
            _feature(
                {
                    "type": "MultiPoint",
                    "coordinates": from_edge[clicks.class_ids == class_id].tolist(),
                },
                "annotation",
                class_id,
                classes,
            )
            for class_id in np.unique(clicks.class_ids).tolist()
        ]
        _write(out / f"{image.image_id}.geojson", features)
        yield Written(len(clicks))


def write_objects(
    out: Path, images: Iterable[ExportImage], classes: ClassNames
) -> Iterator[Written]:
    """See `seminar.clicks.writers.format_table`."""
    for image in images:
        features = []
        for one in objects_of(image):
            polygons = [_polygon(piece) for piece in outlines(one.mask, one.top, one.left)]
            geometry: dict[str, object] = (
                {"type": "Polygon", "coordinates": polygons[0]}
                if len(polygons) == 1
                else {"type": "MultiPolygon", "coordinates": polygons}
            )
            features.append(_feature(geometry, "detection", one.class_id, classes))
        _write(out / f"{image.image_id}.geojson", features)
        yield Written(len(features))


def _polygon(piece: Outline) -> list[list[list[int]]]:
    return [_closed(ring) for ring in (piece.outer, *piece.holes)]


def _closed(ring: Ring) -> list[list[int]]:
    return [[col, row] for row, col in [*ring, ring[0]]]


def _feature(
    geometry: dict[str, object], kind: str, class_id: int, classes: ClassNames
) -> dict[str, object]:
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "objectType": kind,
            "classification": {
                "name": classes.names[class_id],
                "color": list(classes.colours[class_id]),
            },
        },
    }


def _write(path: Path, features: list[dict[str, object]]) -> None:
    text = json.dumps({"type": "FeatureCollection", "features": features})
    write_text(path, text, durable=False)
