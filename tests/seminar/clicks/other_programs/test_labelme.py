"""labelme: its own reader and writer."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import points_in_poly

from seminar.clicks.click_set import pixels
from seminar.clicks.readers.format_table import read_clicks
from seminar.clicks.writers.exported import ExportImage
from seminar.clicks.writers.format_table import WRITERS
from seminar.labels import ClassNames

label_file = pytest.importorskip("labelme._label_file", reason="heavy: see other_programs/run.sh")

Shown = list[tuple[str, int, int, str]]


def test_labelme_reads_our_points(
    tmp_path: Path, thousand: list[ExportImage], classes: ClassNames, expected: Shown
) -> None:
    deque(WRITERS["labelme"].writers["clicks"](tmp_path, thousand, classes), maxlen=0)
    found = []
    for path in tmp_path.glob("*.json"):
        data = label_file.read_label_file(str(path))  # opens the picture, checks its size
        for shape in data.shapes:
            assert shape["shape_type"] == "point"
            ((x, y),) = shape["points"]
            found.append((path.stem, math.floor(y), math.floor(x), shape["label"]))
    assert sorted(found) == expected


def test_we_read_labelme_s_points(
    tmp_path: Path,
    thousand: list[ExportImage],
    classes: ClassNames,
    expected: Shown,
    shown: Callable[..., Shown],
) -> None:
    found = []
    for image in thousand:
        assert image.clicks is not None
        inside = np.minimum(image.clicks.points, pixels(image.clicks.points) + 0.49) + 0.5
        path = tmp_path / f"{image.image_id}.json"
        label_file.write_label_file(
            str(path),
            shapes=[
                {
                    "label": classes.names[label],
                    "points": [[x, y]],
                    "group_id": None,
                    "shape_type": "point",
                    "flags": {},
                }
                for (y, x), label in zip(inside.tolist(), image.clicks.class_ids, strict=True)
            ],
            image_path=image.file.name,
            image_height=image.height,
            image_width=image.width,
        )
        found += shown(read_clicks(path).clicks)
    assert sorted(found) == expected


def test_labelme_reads_our_objects(
    tmp_path: Path, objects: list[ExportImage], classes: ClassNames
) -> None:
    deque(WRITERS["labelme"].writers["objects"](tmp_path, objects, classes), maxlen=0)
    for image in objects:
        data = label_file.read_label_file(str(tmp_path / f"{image.image_id}.json"))
        assert {shape["shape_type"] for shape in data.shapes} == {"polygon"}
        assert image.objects is not None
        shape = image.height, image.width
        rows, cols = np.indices(shape) + 0.5
        middles = np.stack([cols.ravel(), rows.ravel()], axis=1)
        covered = sum(
            points_in_poly(middles, one["points"]).reshape(shape).astype(int) for one in data.shapes
        )
        filled = sum(
            ndimage.binary_fill_holes(pieces == piece).astype(int)
            for number in image.object_classes
            for pieces, count in [ndimage.label(image.objects == number)]
            for piece in range(1, count + 1)
        )
        assert np.array_equal(covered, filled)
        assert image.objects[4, 4] == 0  # a hole, which a polygon cannot have
        assert covered[4, 4] == 1
