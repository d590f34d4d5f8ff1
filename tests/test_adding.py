"""What is added often costs one row of a table or one file: each test adds one to a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TOY_OVERLAY = """
        Overlay(
            "toy",
            "toy map",
            "dashed",
            lambda project, _run, image_id: (project.path / "toys" / f"{image_id}.png",),
            read_preview,
            key="T",
        ),
"""

LOOK_AT_TOY_OVERLAY = """
import sys, time
from pathlib import Path

import numpy as np
from napari.components import ViewerModel
from napari.utils.key_bindings import KeymapHandler
from PIL import Image

import seminar_napari
from seminar_napari.inspect.keys import LEGEND, InspectKeys
from seminar_napari.inspect.linked_grid import LinkedGrid
from seminar_napari.inspect.overlays import Overlays
from seminar_napari.session.session import Session

here = Path.cwd()
assert Path(seminar_napari.__file__).is_relative_to(here), seminar_napari.__file__
labels = np.zeros((40, 60), dtype=np.uint8)
labels[10:20, 10:20] = 1
for folder in ("JPEGImages", "toys"):
    (here / "project" / folder).mkdir(parents=True)
    Image.fromarray(labels).save(here / "project" / folder / "a.png")
(here / "project" / "classes.txt").write_text("background\\ncell\\n")

viewer, session = ViewerModel(), Session()
session.open_project(here / "project")
session.image_layer = viewer.add_image(labels, name="a")
overlays = Overlays(viewer, session)
grid = LinkedGrid(viewer, session, overlays)
keys = InspectKeys(viewer, overlays, lambda: None)
end = time.monotonic() + 60
while not overlays.has("toy") and time.monotonic() < end:
    overlays.poll()
    time.sleep(0.01)

layer = viewer.layers["toy map"]
assert layer is overlays.layers["toy"] and (layer.data == labels).all()
assert not layer.visible, "the student is chosen"
press = KeymapHandler()
press.keymap_providers = [viewer]
press.press_key("T")
assert layer.visible
press.release_key("T")
assert not layer.visible
assert any("T" in held and "toy map" in told for held, told in LEGEND)
grid.enter()
cells = [
    {viewer.layers[index].name for index in content}
    for _, content in viewer.canvas.grid.iter_viewboxes(viewer.layers)
]
assert {"image under toy map", "toy map"} in cells, cells
assert not {"qtpy", "torch"} & set(sys.modules)
"""


def test_an_overlay_is_a_row(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    copied = shutil.copytree(root / "seminar_napari", tmp_path / "seminar_napari")
    table = copied / "inspect" / "overlay_kinds.py"
    anchor = "    for overlay in (\n"
    text = table.read_text()
    assert text.count(anchor) == 1
    table.write_text(text.replace(anchor, anchor + TOY_OVERLAY.lstrip("\n")))
    done = subprocess.run(
        [sys.executable, "-c", LOOK_AT_TOY_OVERLAY],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
