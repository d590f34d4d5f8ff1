"""The table of clicks is the one that napari itself reads and writes."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
from napari.layers import Points
from napari_builtins.io import napari_get_reader, napari_write_points

from seminar.clicks.click_set import ClickSet, pixels
from seminar.clicks.readers.format_table import read_clicks
from seminar.clicks.writers.exported import ExportImage
from seminar.clicks.writers.format_table import WRITERS
from seminar.labels import ClassNames

CLASSES = ClassNames.of("background", "cell nucleus", "fibre")
HEIGHT, WIDTH = 257, 129


def clicks() -> ClickSet:
    rng = np.random.default_rng(3)
    last = np.array([HEIGHT - 1, WIDTH - 1])
    corners = last * [(0, 0), (0, 1), (1, 0), (1, 1)]
    halves = rng.integers(0, 2 * last, (496, 2)) / 2
    anywhere = rng.uniform(-0.5, last + 0.49, (496, 2))
    points = np.concatenate([corners, corners - 0.5, halves, anywhere])
    return ClickSet(HEIGHT, WIDTH, points, rng.integers(0, 3, 1000))


def test_napari_reads_our_table(tmp_path: Path) -> None:
    ours = clicks()
    image = ExportImage("field", tmp_path / "field.png", HEIGHT, WIDTH, ours)
    deque(WRITERS["napari"].writers["clicks"](tmp_path, [image], CLASSES), maxlen=0)
    reader = napari_get_reader(str(tmp_path / "field.csv"))
    assert reader is not None
    ((data, options, kind),) = reader(str(tmp_path / "field.csv"))
    assert kind == "points"
    layer = Points(data, **options)
    assert np.array_equal(pixels(np.asarray(layer.data)), pixels(ours.points))
    names = [CLASSES.names[class_id] for class_id in ours.class_ids]
    table = (tmp_path / "field.csv").read_text().splitlines()
    assert [line.split(",")[3] for line in table[1:]] == names


def test_we_read_napari_s_table(tmp_path: Path) -> None:
    ours = clicks()
    layer = Points(ours.points, features={"class_id": ours.class_ids})
    _, options, _ = layer.as_layer_data_tuple()
    assert napari_write_points(str(tmp_path / "field.csv"), layer.data, options)
    found = read_clicks(tmp_path / "field.csv").clicks
    assert np.array_equal(pixels(np.array([click[:2] for click in found])), pixels(ours.points))
    assert [click.label for click in found] == ours.class_ids.tolist()


def test_points_on_planes_with_named_classes(tmp_path: Path) -> None:
    points = [(0, 3.5, 4.25), (7, 0, 128), (7, 256.4, 0)]
    layer = Points(points, features={"kind": ["cell", "fibre", "cell"]})
    _, options, _ = layer.as_layer_data_tuple()
    napari_write_points(str(tmp_path / "stack.csv"), layer.data, options)
    found = read_clicks(tmp_path / "stack.csv").clicks
    assert [(click.plane, *click[:3]) for click in found] == [
        (0, 3.5, 4.25, "cell"),
        (7, 0, 128, "fibre"),
        (7, 256.4, 0, "cell"),
    ]
