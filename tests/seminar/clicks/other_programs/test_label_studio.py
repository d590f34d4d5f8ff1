"""Label Studio: the regions that its SDK makes, and its converter."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest

from seminar.clicks.click_set import pixels
from seminar.clicks.readers.format_table import read_clicks
from seminar.clicks.writers.exported import ExportImage
from seminar.clicks.writers.format_table import WRITERS
from seminar.labels import ClassNames

interface = pytest.importorskip(
    "label_studio_sdk.label_interface", reason="heavy: see other_programs/run.sh"
)
converter = pytest.importorskip("label_studio_sdk.converter")

Shown = list[tuple[str, int, int, str]]


@pytest.fixture
def setup(classes: ClassNames) -> str:
    """The labelling setup, as docs/clicks.md has it."""
    labels = "".join(f"<Label value={quoteattr(name)}/>" for name in classes.names)
    return (
        '<View><Image name="image" value="$image"/>'
        f'<KeyPointLabels name="class" toName="image">{labels}</KeyPointLabels></View>'
    )


def test_label_studio_takes_our_tasks(
    tmp_path: Path, thousand: list[ExportImage], classes: ClassNames, expected: Shown, setup: str
) -> None:
    path = tmp_path / "tasks.json"
    deque(WRITERS["label-studio"].writers["clicks"](path, thousand, classes), maxlen=0)
    tasks = json.loads(path.read_text())
    checked = interface.LabelInterface(setup)
    for task in tasks:
        assert all(checked.validate_annotation(one) for one in task["annotations"])
    for number, task in enumerate(tasks):
        task["id"] = number
    path.write_text(json.dumps(tasks))
    made = converter.Converter(setup, str(tmp_path))
    made.convert_to_json_min(str(path), str(tmp_path / "out"), is_dir=False)
    found = []
    for item in json.loads((tmp_path / "out" / "result.json").read_text()):
        stem = Path(item["image"]).stem.replace("%20", " ")
        for one in item["class"]:
            row = math.floor(round(one["y"] / 100 * one["original_height"], 6))
            col = math.floor(round(one["x"] / 100 * one["original_width"], 6))
            found.append((stem, row, col, one["keypointlabels"][0]))
    assert sorted(found) == expected


def test_we_read_the_regions_of_the_sdk(
    tmp_path: Path,
    thousand: list[ExportImage],
    classes: ClassNames,
    expected: Shown,
    setup: str,
    shown: Callable[..., Shown],
) -> None:
    control = interface.LabelInterface(setup).get_control("class")
    tasks = []
    for image in thousand:
        assert image.clicks is not None
        inside = np.minimum(image.clicks.points, pixels(image.clicks.points) + 0.49) + 0.5
        results = []
        for (y, x), label in zip(inside.tolist(), image.clicks.class_ids, strict=True):
            region = control.label(
                label=classes.names[label],
                x=x / image.width * 100,
                y=y / image.height * 100,
                width=0.5,
            )._dict()
            results.append(
                region | {"original_width": image.width, "original_height": image.height}
            )
        name = f"/data/upload/3/0a1b2c3d-{image.file.name}"
        tasks.append({"data": {"image": name}, "annotations": [{"result": results}]})
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    found = [
        (name.removeprefix("0a1b2c3d-"), *rest) for name, *rest in shown(read_clicks(path).clicks)
    ]
    assert sorted(found) == expected
