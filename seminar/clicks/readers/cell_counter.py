"""Markers of Fiji's Cell Counter plugin (XML).

MarkerX and MarkerY are whole pixel indices, from 0; MarkerZ is the linear slice, from 1, in which
channels count as well; the class is the Type's Name, where newer versions have one, else its number
(source of the plugin, 3.0.0; not run). The image is named by Image_Filename.
"""

from __future__ import annotations

from collections.abc import Mapping

from seminar.clicks.readers.found_clicks import Answers, Faults, FoundClick, Reading
from seminar.clicks.readers.source import Source, as_index, as_number, cut
from seminar.errors import DatasetError

ROOT = "CellCounter_Marker_File"


def is_this(source: Source) -> bool:
    return source.root == ROOT


def read(source: Source, answers: Answers) -> Reading:
    """See `seminar.clicks.readers.format_table.read_clicks`."""
    if not is_this(source):
        raise DatasetError(
            f"{source}: expected <{ROOT}>, got <{source.root}>; is it the right file?"
        )
    image, label = "", ""
    marker: dict[str, str] = {}
    clicks: list[FoundClick] = []
    unnamed: list[int] = []  # clicks of the type that is being read, whose name may follow
    faults = Faults()

    def start(name: str, _: Mapping[str, str]) -> None:
        nonlocal label
        if name == "Marker_Type":
            label = ""
            unnamed.clear()
        elif name == "Marker":
            marker.clear()

    def end(name: str, text: str) -> None:
        nonlocal image, label
        match name:
            case "Image_Filename":
                image = text
            case "Type":
                label = label or f"type {text}"
            case "Name":
                label = text or label
            case "MarkerX" | "MarkerY" | "MarkerZ":
                marker[name[-1]] = text
            case "Marker":
                row, col = as_number(marker.get("Y", "")), as_number(marker.get("X", ""))
                slice_ = as_index(marker.get("Z", ""))
                if row is None or col is None:
                    faults.add(
                        f"{source}, marker {len(clicks) + 1}: expected numbers MarkerX and MarkerY,"
                        f" got {cut(marker)}; correct or delete it"
                    )
                    return
                unnamed.append(len(clicks))
                clicks.append(FoundClick(row, col, label, image, slice_ - 1 if slice_ else None))
            case "Marker_Type":
                for place in unnamed:
                    clicks[place] = clicks[place]._replace(label=label)

    source.parse_xml(start, end)
    faults.raise_any()
    clicks = [click._replace(image=image) for click in clicks]
    return Reading(clicks, with_channels=any((click.plane or 0) > 0 for click in clicks))
