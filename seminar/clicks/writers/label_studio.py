"""Label Studio: one JSON file of tasks, for *Import*.

Coordinates are percentages from the edge (read by label-studio-sdk 2.1.2: the same points). Tasks
name the images as local files below the project folder; docs/clicks.md has the labelling setup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from seminar.clicks.writers.exported import ExportImage, Written, written_points
from seminar.io.files import atomic_file
from seminar.labels import ClassNames

WIDTH = 0.5
"""Size of a key point on the screen, percent of the image."""


def write_clicks(
    out: Path, images: Iterable[ExportImage], classes: ClassNames
) -> Iterator[Written]:
    """See `seminar.clicks.writers.format_table`."""
    with atomic_file(out, durable=False) as file:
        separator = b"[\n"
        for image in images:
            clicks = image.clicks
            assert clicks is not None
            from_edge = (written_points(clicks) + 0.5).tolist()
            results = [
                _result(number, x, y, classes.names[class_id], image)
                for number, ((y, x), class_id) in enumerate(
                    zip(from_edge, clicks.class_ids.tolist(), strict=True)
                )
            ]
            name = quote(f"{image.file.parent.name}/{image.file.name}")
            task = {
                "data": {"image": f"/data/local-files/?d={name}"},
                "annotations": [{"result": results}],
            }
            file.write(separator + json.dumps(task).encode())
            separator = b",\n"
            yield Written(len(clicks))
        file.write(b"\n]\n" if separator != b"[\n" else b"[]\n")


def _result(number: int, x: float, y: float, name: str, image: ExportImage) -> dict[str, object]:
    return {
        "id": f"click_{number}",
        "from_name": "class",
        "to_name": "image",
        "type": "keypointlabels",
        "original_width": image.width,
        "original_height": image.height,
        "image_rotation": 0,
        "value": {
            "x": x / image.width * 100,
            "y": y / image.height * 100,
            "width": WIDTH,
            "keypointlabels": [name],
        },
    }
