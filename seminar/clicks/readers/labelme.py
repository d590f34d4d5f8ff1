"""JSON of labelme: shapes of the type "point".

x and y are in pixels counted from the edge of the picture, which labelme turns as its EXIF note
says; x == width is possible (6.3.1, run). The picture is named by imagePath, relative to the JSON.
"""

from __future__ import annotations

from seminar.clicks.readers.found_clicks import (
    Answers,
    Faults,
    FoundClick,
    Reading,
    counted_from_edges,
    others_note,
)
from seminar.clicks.readers.source import Source, cut, is_number, size_of
from seminar.errors import DatasetError


def is_this(source: Source) -> bool:
    data = source.json
    return isinstance(data, dict) and "shapes" in data and "imagePath" in data


def read(source: Source, answers: Answers) -> Reading:
    """See `seminar.clicks.readers.format_table.read_clicks`."""
    data = source.json
    if not isinstance(data, dict) or not isinstance(data.get("shapes"), list):
        raise DatasetError(f'{source}: expected a list "shapes", as labelme writes it')
    image = data.get("imagePath")
    image = image if isinstance(image, str) else ""
    size = size_of(data.get("imageWidth"), data.get("imageHeight"))
    clicks: list[FoundClick] = []
    faults = Faults()
    others = 0
    for number, shape in enumerate(data["shapes"], start=1):
        if not isinstance(shape, dict):
            faults.add(f"{source}, shape {number}: expected an object, got {cut(shape)}; delete it")
        elif shape.get("shape_type") != "point":
            others += 1
        else:
            places = shape.get("points")
            for place in places if isinstance(places, list) else [None]:
                if isinstance(place, list) and len(place) == 2 and all(map(is_number, place)):
                    label = shape.get("label")
                    clicks.append(
                        FoundClick(place[1], place[0], "" if label is None else str(label), image)
                    )
                else:
                    faults.add(
                        f"{source}, shape {number}: expected [x, y], got {cut(place)}; delete it"
                    )
    faults.raise_any()
    notes = others_note(others, "shape")
    moved, more = counted_from_edges(clicks)
    return Reading(moved, (image,), {image: size} if size else {}, (*notes, *more), from_edges=True)
