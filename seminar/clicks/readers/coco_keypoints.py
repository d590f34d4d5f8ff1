"""COCO key points (JSON).

Key points are x, y, v triples, of which those with v = 0 are not there. COCO's own are whole
numbers that mean pixels; programs that write decimals count from the edge. So: no offset if all
numbers are whole, else half a pixel (pycocotools 2.0.11 reads the numbers as they are). The class
is the name of the key point, else of the category.

Label Studio's COCO export has whole numbers and keeps one key point of each class in an image (sdk
2.1.2, run): its JSON has all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seminar.clicks.readers.found_clicks import (
    Answers,
    Faults,
    FoundClick,
    Reading,
    counted_from_edges,
)
from seminar.clicks.readers.source import Source, cut, is_number, size_of
from seminar.errors import DatasetError


def is_this(source: Source) -> bool:
    data = source.json
    return isinstance(data, dict) and {"images", "annotations"} <= set(data)


def read(source: Source, answers: Answers) -> Reading:
    """See `seminar.clicks.readers.format_table.read_clicks`."""
    data = source.json
    if not isinstance(data, dict):
        raise DatasetError(f'{source}: expected an object with "images" and "annotations"')
    faults = Faults()
    images, categories, annotations = (
        list(_objects(data, key, source, faults)) for key in ("images", "categories", "annotations")
    )
    faults.raise_any()
    names = {_id(image.get("id")): str(image.get("file_name", "")) for image in images}
    sizes = {
        str(image.get("file_name", "")): size
        for image in images
        if (size := size_of(image.get("width"), image.get("height")))
    }
    by_id = {_id(category.get("id")): category for category in categories}
    clicks: list[FoundClick] = []
    for number, annotation in enumerate(annotations, start=1):
        values = annotation.get("keypoints")
        if values is None:
            continue
        where = f"{source}, annotation {number}"
        image = names.get(_id(annotation.get("image_id")))
        if image is None:
            faults.add(f"{where}: its image_id is not among the images; correct or delete it")
        elif not isinstance(values, list) or len(values) % 3 or not all(map(is_number, values)):
            faults.add(f"{where}: expected key points x, y, v, got {cut(values)}; correct them")
        else:
            labels = _labels(by_id.get(_id(annotation.get("category_id")), {}))
            for place in range(0, len(values), 3):
                x, y, visibility = values[place : place + 3]
                if visibility:
                    names_here, otherwise = labels
                    index = place // 3
                    label = names_here[index] if index < len(names_here) else otherwise
                    clicks.append(FoundClick(y, x, label, image))
    faults.raise_any()
    if not clicks:
        raise DatasetError(
            f"{source}: {len(annotations)} annotations without key points; export key points, not "
            "boxes or masks"
        )
    moved, notes = counted_from_edges(clicks)
    info = data.get("info")
    if isinstance(info, dict) and info.get("contributor") == "Label Studio":
        notes = (
            *notes,
            "Label Studio's COCO export keeps one key point of each class in an image; export as "
            "JSON for all of them",
        )
    return Reading(moved, tuple(names.values()), sizes, notes, from_edges=True)


def _objects(
    data: Mapping[str, Any], key: str, source: Source, faults: Faults
) -> Iterator[Mapping[str, Any]]:
    values = data.get(key, [])
    for number, value in enumerate(values if isinstance(values, list) else [None], start=1):
        if isinstance(value, dict):
            yield value
        else:
            faults.add(f'{source}, "{key}", entry {number}: expected an object, got {cut(value)}')


def _id(value: object) -> object:
    """An id that can be looked up: ids may be numbers or texts, anything else matches nothing."""
    return value if isinstance(value, int | str) else None


def _labels(category: Mapping[str, Any]) -> tuple[list[str], str]:
    """Names of the key points, and the name where these end."""
    names = category.get("keypoints")
    return (
        [str(name) for name in names] if isinstance(names, list) else [],
        str(category.get("name", "")),
    )
