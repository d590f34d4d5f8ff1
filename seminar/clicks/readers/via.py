"""Projects and annotations of the VGG Image Annotator, VIA 2 (JSON): points.

cx and cy are pixel indices, stored rounded (source). The class is a region attribute; if regions
have several, a person says which. Also read: VIA 1, whose regions are an object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seminar.clicks.readers.found_clicks import (
    Answers,
    Faults,
    FoundClick,
    Reading,
    Unanswered,
    others_note,
)
from seminar.clicks.readers.source import Source, cut, is_number
from seminar.errors import DatasetError
from seminar.io.names import shown

METADATA = "_via_img_metadata"


def is_this(source: Source) -> bool:
    data = source.json
    return isinstance(data, dict) and (
        METADATA in data
        or any(
            isinstance(one, dict) and {"filename", "regions"} <= set(one) for one in data.values()
        )
    )


def read(source: Source, answers: Answers) -> Reading:
    """See `seminar.clicks.readers.format_table.read_clicks`."""
    data = source.json
    pictures = data.get(METADATA, data) if isinstance(data, dict) else None
    if not isinstance(pictures, dict) or not all(
        isinstance(picture, dict) and isinstance(picture.get("filename"), str)
        for picture in pictures.values()
    ):
        raise DatasetError(
            f"{source}: expected pictures with filename and regions; in VIA save the project, or "
            "export annotations as JSON"
        )
    found: list[tuple[FoundClick, Mapping[str, Any]]] = []
    faults = Faults()
    others = 0
    for picture in pictures.values():
        name = picture["filename"]
        for region in _regions(picture, f"{source}, {shown(name)}", faults):
            shape = region.get("shape_attributes")
            if not isinstance(shape, dict) or shape.get("name") != "point":
                others += 1
            elif not is_number(shape.get("cx")) or not is_number(shape.get("cy")):
                faults.add(
                    f"{source}, {shown(name)}: expected numbers cx and cy, got {cut(shape)}; "
                    "correct or delete it"
                )
            else:
                about = region.get("region_attributes")
                click = FoundClick(shape["cy"], shape["cx"], "", name)
                found.append((click, about if isinstance(about, dict) else {}))
    faults.raise_any()
    attribute = _attribute(source, [about for _, about in found], answers)
    clicks = [click._replace(label=_value(about.get(attribute))) for click, about in found]
    notes = others_note(others, "region")
    return Reading(clicks, [one["filename"] for one in pictures.values()], notes=notes)


def _regions(picture: Mapping[str, Any], where: str, faults: Faults) -> Iterator[Mapping[str, Any]]:
    regions = picture.get("regions") or []
    if isinstance(regions, dict):
        regions = list(regions.values())
    if not isinstance(regions, list) or not all(isinstance(region, dict) for region in regions):
        faults.add(f"{where}: expected a list of regions, got {cut(regions)}; export them again")
        return
    yield from regions


def _attribute(source: Source, abouts: list[Mapping[str, Any]], answers: Answers) -> str:
    names = list(dict.fromkeys(name for about in abouts for name in about))
    wanted = answers.classes_from
    if wanted is not None:
        if wanted not in names:
            raise DatasetError(
                f"{source}: no region attribute '{shown(wanted)}'; there are "
                f"{cut(', '.join(names)) if names else 'none'}"
            )
        return wanted
    if len(names) > 1:
        raise Unanswered(
            f"{source}: the region attributes {cut(', '.join(names))} could each be the class; say "
            "which",
            "classes_from",
            names,
        )
    return names[0] if names else ""


def _value(value: object) -> str:
    """Text of an attribute; of a check box the one option that is ticked."""
    if isinstance(value, dict):
        return ", ".join(str(name) for name, is_ticked in value.items() if is_ticked)
    return "" if value is None else str(value)
