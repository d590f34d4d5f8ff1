"""The formats that clicks, objects and masks are written to, one row each.

A writer is called as ``write(out, images, classes)`` with an iterable of `ExportImage`, one image
at a time, and yields a `Written` after each; the export is whole when it ends. `out` is a folder
that is there, or the file to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seminar.clicks.writers import (
    coco,
    cvat,
    imagej,
    label_studio,
    labelme,
    napari,
    qupath,
    voc,
)
from seminar.clicks.writers.exported import ExportImage, Written
from seminar.labels import ClassNames

Kind = Literal["clicks", "objects", "masks"]
Writer = Callable[[Path, Iterable[ExportImage], ClassNames], Iterator[Written]]


@dataclass(frozen=True)
class WriteFormat:
    """One row of the table.

    Attributes
    ----------
    title : str
        As the window and reports call it.
    ending : str
        Of the one file; empty for a folder with a file an image.
    writers : mapping of Kind to Writer
        What can be written to it.
    shows_stored : bool
        The program shows a picture as it is stored, and ignores a camera's note that turns it.
    """

    title: str
    ending: str
    writers: Mapping[Kind, Writer]
    shows_stored: bool = False


WRITERS: Mapping[str, WriteFormat] = {
    "imagej": WriteFormat(
        "ImageJ RoiSets", "", {"clicks": imagej.write_clicks, "objects": imagej.write_objects}, True
    ),
    "napari": WriteFormat("napari points", "", {"clicks": napari.write_clicks}, True),
    "qupath": WriteFormat(
        "QuPath GeoJSON", "", {"clicks": qupath.write_clicks, "objects": qupath.write_objects}
    ),
    "cvat": WriteFormat("CVAT", ".xml", {"clicks": cvat.write_clicks}),
    "label-studio": WriteFormat("Label Studio", ".json", {"clicks": label_studio.write_clicks}),
    "labelme": WriteFormat(
        "labelme", "", {"clicks": labelme.write_clicks, "objects": labelme.write_objects}
    ),
    "coco": WriteFormat(
        "COCO", ".json", {"clicks": coco.write_clicks, "objects": coco.write_polygons}
    ),
    "coco-rle": WriteFormat("COCO (RLE)", ".json", {"objects": coco.write_rle}),
    "voc": WriteFormat("VOC masks (CVAT, Datumaro)", "", {"masks": voc.write_masks}),
}
"""By the name that is typed."""


def formats_of(kind: Kind) -> tuple[str, ...]:
    """Names of the formats to which this can be written."""
    return tuple(name for name, row in WRITERS.items() if kind in row.writers)
