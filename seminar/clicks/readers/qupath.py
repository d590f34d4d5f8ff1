"""GeoJSON of QuPath: points and multi-points.

x and y are in full-resolution pixels counted from the edge, with two decimals; the class is
`classification.name`; the plane stands in the geometry only if it is not the first (0.8 snapshot,
source). Other shapes are left out. The image is not named: the name of the file is taken for it.
"""

from __future__ import annotations

from seminar.clicks.readers.found_clicks import (
    Answers,
    Faults,
    FoundClick,
    Reading,
    Unanswered,
    counted_from_edges,
    others_note,
)
from seminar.clicks.readers.source import Source, cut, is_number
from seminar.errors import DatasetError


def is_this(source: Source) -> bool:
    data = source.json
    if isinstance(data, list):
        return bool(data) and isinstance(data[0], dict) and data[0].get("type") == "Feature"
    return isinstance(data, dict) and data.get("type") in ("Feature", "FeatureCollection")


def read(source: Source, answers: Answers) -> Reading:
    """See `seminar.clicks.readers.format_table.read_clicks`."""
    if not is_this(source):
        raise DatasetError(
            f"{source}: expected GeoJSON features; in QuPath choose File > Export objects as "
            "GeoJSON"
        )
    data = source.json
    if isinstance(data, dict):
        data = data.get("features", [data])
    clicks: list[FoundClick] = []
    faults = Faults()
    others = 0
    for number, feature in enumerate(data if isinstance(data, list) else (), start=1):
        where = f"{source}, feature {number}"
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict):
            faults.add(f"{where}: expected a geometry, got {cut(feature)}; delete the feature")
            continue
        places = geometry.get("coordinates")
        if geometry.get("type") not in ("Point", "MultiPoint"):
            others += 1
            continue
        if geometry["type"] == "Point":
            places = [places]
        plane = _plane(where, geometry.get("plane"), answers)
        label = _class(feature.get("properties"))
        for place in places if isinstance(places, list) else [None]:
            if not (isinstance(place, list) and len(place) >= 2 and all(map(is_number, place[:2]))):
                faults.add(f"{where}: expected numbers x and y, got {cut(place)}; delete the point")
                continue
            clicks.append(FoundClick(place[1], place[0], label, "", plane))
    faults.raise_any()
    notes = others_note(others, "object")
    if not clicks:
        raise DatasetError(
            f"{source}: no points among {others} objects; export annotations of the points tool"
        )
    moved, more = counted_from_edges(clicks)
    return Reading(moved, notes=(*notes, *more), from_edges=True)


def _class(properties: object) -> str:
    found = properties.get("classification") if isinstance(properties, dict) else None
    if not isinstance(found, dict):
        return ""
    names = found.get("names")
    if "name" not in found and isinstance(names, list):
        return ": ".join(map(str, names))
    return str(found.get("name") or "")


def _plane(where: str, plane: object, answers: Answers) -> int | None:
    if not isinstance(plane, dict):
        return None
    z, t = (plane.get(axis, 0) for axis in "zt")
    if type(z) is not int or type(t) is not int or not (0 <= z < 2**31 and 0 <= t < 2**31):
        raise DatasetError(f"{where}: expected a plane with numbers z and t, got {cut(plane)}")
    if t > 0 and answers.slices is None:
        raise Unanswered(
            f"{where}: frame {t} counted from 0, but not how many slices a frame has; say how many",
            "slices",
        )
    return t * (answers.slices or 1) + z
