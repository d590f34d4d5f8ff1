"""The formats of clicks that are read, one row each; without torch, so that the window lists them.

What their numbers mean, which version was looked at and how is said in each reader; docs/clicks.md
has the table for users.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seminar.clicks.readers import (
    cell_counter,
    coco_keypoints,
    cvat,
    imagej_results,
    imagej_roi,
    label_studio,
    labelme,
    napari_points,
    qupath,
    via,
    whats_the_point,
)
from seminar.clicks.readers.found_clicks import Answers, Reading
from seminar.clicks.readers.source import Source, cut
from seminar.errors import DatasetError


@dataclass(frozen=True)
class ReadFormat:
    """One row of the table.

    Attributes
    ----------
    title : str
        As the window and reports call it.
    endings : tuple of str
        In lower case; files of other endings are not tried.
    is_this : function
        Whether a file of such an ending is of this format, by its content.
    read : function
        The clicks of a file; errors are `DatasetError`, a question is `Unanswered`.
    """

    title: str
    endings: tuple[str, ...]
    is_this: Callable[[Source], bool]
    read: Callable[[Source, Answers], Reading]


def _row(title: str, endings: str, reader: object) -> ReadFormat:
    return ReadFormat(title, tuple(endings.split()), reader.is_this, reader.read)  # type: ignore[attr-defined]


READERS: Mapping[str, ReadFormat] = {
    "imagej": _row("ImageJ selections", ".roi .zip", imagej_roi),
    "imagej-results": _row("ImageJ results table", ".csv .tsv .txt .xls", imagej_results),
    "cell-counter": _row("Fiji Cell Counter", ".xml", cell_counter),
    "napari": _row("napari points", ".csv", napari_points),
    "qupath": _row("QuPath GeoJSON", ".geojson .json", qupath),
    "cvat": _row("CVAT", ".xml", cvat),
    "label-studio": _row("Label Studio", ".json", label_studio),
    "labelme": _row("labelme", ".json", labelme),
    "coco": _row("COCO key points", ".json", coco_keypoints),
    "via": _row("VIA", ".json", via),
    "whats-the-point": _row("What's the Point", ".json", whats_the_point),
}
"""By the name that is typed, in the order in which they are tried."""

ENDINGS = tuple(dict.fromkeys(ending for row in READERS.values() for ending in row.endings))


def format_of(source: Source) -> str:
    """Name of the format of a file, by its ending and its content.

    Raises
    ------
    DatasetError
        None of them, or a file that is not readable.
    """
    possible = [name for name, row in READERS.items() if source.ending in row.endings]
    if not possible:
        raise DatasetError(
            f"{source}: not a file with clicks by its ending; expected {', '.join(ENDINGS)}"
        )
    for name in possible:
        if READERS[name].is_this(source):
            return name
    titles = ", ".join(READERS[name].title for name in possible)
    raise DatasetError(
        f"{source}: its content is not that of {titles} (it starts with {cut(source.data[:30])}); "
        "export the clicks again"
    )


def read_clicks(path: Path, format: str = "auto", answers: Answers | None = None) -> Reading:
    """The clicks of one file.

    Parameters
    ----------
    path : Path
    format : str
        A name of `READERS`, or "auto".
    answers : Answers or None
        What the file cannot say; see there.

    Raises
    ------
    DatasetError
        A file that is missing, damaged, too large or of another format.
    Unanswered
        Something that the file does not say and nobody has answered.
    """
    source = Source(path)
    name = format_of(source) if format == "auto" else format
    return READERS[name].read(source, answers or Answers())
