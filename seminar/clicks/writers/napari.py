"""napari: a CSV of points an image, opened by dropping it on the window.

axis-0 is the row, axis-1 the column; the class is a feature, by name and by id (napari 0.9.2 reads
the table and keeps both).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from seminar.clicks.writers.exported import ExportImage, Written, written_points
from seminar.io.files import write_text
from seminar.labels import ClassNames


def write_clicks(
    out: Path, images: Iterable[ExportImage], classes: ClassNames
) -> Iterator[Written]:
    """See `seminar.clicks.writers.format_table`."""
    for image in images:
        clicks = image.clicks
        assert clicks is not None
        text = io.StringIO(newline="")
        table = csv.writer(text)
        table.writerow(["index", "axis-0", "axis-1", "class"])
        rows = zip(written_points(clicks).tolist(), clicks.class_ids.tolist(), strict=True)
        for index, (point, class_id) in enumerate(rows):
            table.writerow([index, *point, classes.names[class_id]])
        write_text(out / f"{image.image_id}.csv", text.getvalue(), durable=False)
        yield Written(len(clicks))
