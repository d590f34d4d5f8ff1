"""CVAT for images 1.1 and CVAT for video 1.1 (XML).

An element <points> has many points, "x,y;x,y", in pixels that are counted from the edge (assumed:
the canvas shows the point 0,0 in the corner of the picture; Datumaro 1.13.12 reads the numbers as
they are). <image> has name, width and height. In films <track> has points by frame, from 0, of
which those with outside="1" are not there. Points of a <skeleton> have labels of their own.
Read as a stream, so that 100,000 clicks need little memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from seminar.clicks.readers.found_clicks import (
    Answers,
    Faults,
    FoundClick,
    Reading,
    counted_from_edges,
)
from seminar.clicks.readers.source import Source, as_index, as_number, cut, size_of
from seminar.errors import DatasetError


def is_this(source: Source) -> bool:
    return source.root == "annotations"


def read(source: Source, answers: Answers) -> Reading:
    """See `seminar.clicks.readers.format_table.read_clicks`."""
    if not is_this(source):
        raise DatasetError(
            f"{source}: expected <annotations> of CVAT, got <{cut(source.root)}>; export as 'CVAT "
            "for images 1.1' and unzip it"
        )
    clicks: list[FoundClick] = []
    sizes: dict[str, tuple[int, int]] = {}
    images: list[str] = []
    faults = Faults()
    image, track_label = "", ""

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal image, track_label
        match name:
            case "image":
                image = attributes.get("name", "")
                images.append(image)
                sides = (as_index(attributes.get(side, "")) for side in ("width", "height"))
                if size := size_of(*sides):
                    sizes[image] = size
            case "track":
                image, track_label = "", attributes.get("label", "")
            case "points" if attributes.get("outside") != "1":
                frame = None if image else as_index(attributes.get("frame", ""))
                label = attributes.get("label", track_label)
                for pair in attributes.get("points", "").split(";"):
                    x, _, y = pair.partition(",")
                    row, col = as_number(y), as_number(x)
                    if row is None or col is None:
                        faults.add(
                            f"{source}, {cut(image) if image else 'a track'}: expected points "
                            f"'x,y;x,y', got {cut(pair)}; correct or delete them"
                        )
                    else:
                        clicks.append(FoundClick(row, col, label, image, frame))

    source.parse_xml(start)
    faults.raise_any()
    moved, notes = counted_from_edges(clicks)
    return Reading(moved, images, sizes, notes, from_edges=True)
