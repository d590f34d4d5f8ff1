"""What is added often costs one row of a table or one file: each test adds one to a copy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copy(package: str, folder: Path) -> Path:
    """A package as it is, in a folder where something may be added to it."""
    return Path(shutil.copytree(ROOT / package, folder / package))


def insert(path: Path, anchor: str, before: str = "", after: str = "") -> None:
    """Add a line or a word next to the one place where the text stands."""
    text = path.read_text()
    assert text.count(anchor) == 1, anchor
    path.write_text(text.replace(anchor, before + anchor + after))


def python(folder: Path, *arguments: str) -> str:
    """Run Python with the copies of this folder; what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


TOY_OVERLAY = """
        Overlay(
            "toy",
            "toy map",
            "dashed",
            lambda project, _run, image_id: (project.path / "toys" / f"{image_id}.png",),
            read_preview,
            key="Y",
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
press.press_key("Y")
assert layer.visible
press.release_key("Y")
assert not layer.visible
assert any("Y" in held and "toy map" in told for held, told in LEGEND)
grid.enter()
cells = [
    {viewer.layers[index].name for index in content}
    for _, content in viewer.canvas.grid.iter_viewboxes(viewer.layers)
]
assert {"image under toy map", "toy map"} in cells, cells
assert not {"qtpy", "torch"} & set(sys.modules)
"""


def test_an_overlay_is_a_row(tmp_path: Path) -> None:
    table = copy("seminar_napari", tmp_path) / "inspect" / "overlay_kinds.py"
    insert(table, "    for overlay in (\n", after=TOY_OVERLAY.lstrip("\n"))
    python(tmp_path, "-c", LOOK_AT_TOY_OVERLAY)


TOY_FORMAT = """
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seminar.export.job import ExportJob
from seminar.inference.predictor import Predictor


def write(path: Path, job: ExportJob) -> None:
    path.write_bytes(job.model.read_bytes())


def run(path: Path, job: ExportJob) -> npt.NDArray[np.float32]:
    return Predictor.from_folder(path, "cpu").predict_prepared(job.prepared)
"""

EXPORT_AS_TOY = """
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import seminar
from seminar.cli.main import main
from seminar.config.probe_settings import ProbeConfig
from seminar.labels import ClassNames
from seminar.models.build_probe import build_probe
from seminar.models.checkpoint import save_model

here = Path.cwd()
assert Path(seminar.__file__).is_relative_to(here), seminar.__file__
config = ProbeConfig(backbone="none")
network = build_probe(config, num_classes=2, channels=3)
classes = ClassNames.of("background", "cell")
save_model(here / "model.pt", network, config=config, classes=classes, channels=3)
Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save("a.png")
for words in "export model.pt --format toy --out m.toy --image a.png", "export --help":
    sys.argv = ["seminar", *words.split()]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code
"""


def test_an_export_format_is_a_file_and_a_row(tmp_path: Path) -> None:
    exporters = copy("seminar", tmp_path) / "export"
    (exporters / "formats" / "toy.py").write_text(TOY_FORMAT)
    row = '    "toy": Format("Toy file", ".toy", "the toy program", "a toy"),\n'
    insert(exporters / "format_table.py", "FORMATS: Mapping[str, Format] = {\n", after=row)
    said = python(tmp_path, "-c", EXPORT_AS_TOY)
    assert "m.toy written. Checked in the toy program: 100.00 % same labels" in said
    assert "toy: a toy" in said


TOY_LOSS = '''
"""A toy loss."""

from torch import Tensor


def toy(logits: Tensor) -> Tensor:
    return 2 + 0 * logits.sum()
'''

TOY_FIELD = (
    '    lambda_toy: float = setting(1.0, "Weight of the toy", (0, 9, 0.1), label="Toy weight")\n'
)

LOOK_AT_TOY_LOSS = """
import sys

import numpy as np
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar_napari.session.setting_labels import label
from seminar_napari.train.setting_texts import term_text

assert label("lambda_toy") == "Toy weight"
assert term_text("toy") == "toy"
Image.fromarray(np.arange(32 * 32, dtype=np.uint8).reshape(32, 32)).save("a.png")
project = Project.create("project", ["a.png"], ClassNames.of("background", "cell"))
project.write_clicks("a", ClickSet(32, 32, np.array([[4, 4], [20, 20]]), np.array([0, 1])))
assert "torch" not in sys.modules
"""


def test_a_loss_is_a_file_a_row_and_a_field(tmp_path: Path) -> None:
    copied = copy("seminar", tmp_path)
    copy("seminar_napari", tmp_path)
    (copied / "losses" / "toy.py").write_text(TOY_LOSS)
    objectives = copied / "training" / "objectives.py"
    insert(objectives, "\nfrom seminar.losses.image_level", "\nfrom seminar.losses.toy import toy")
    row = '    "toy": Term(lambda of: toy(of.logits), ("crops",)),\n'
    insert(objectives, "TERMS: Mapping[str, Term] = {\n", after=row)
    settings = copied / "config" / "settings.py"
    insert(settings, '"presence", "full"]', '"toy", ')
    insert(settings, "    lambda_crf: float", TOY_FIELD)
    python(tmp_path, "-c", LOOK_AT_TOY_LOSS)
    python(
        tmp_path,
        *("-m", "seminar", "train", "project", "--losses", "pce,toy", "--lambda-toy", "0.5"),
        *("--iterations", "2", "--backbone", "none", "--device", "cpu", "--run", "june"),
        *("--crop-size", "32", "--batch-size", "1"),
    )
    lines = (tmp_path / "project" / "runs" / "june" / "events.jsonl").read_text().splitlines()
    (*_, losses) = (found["losses"] for line in lines if "losses" in (found := json.loads(line)))
    assert losses.keys() == {"pce", "toy", "total"}
    assert losses["toy"] == 2
    assert abs(losses["total"] - (losses["pce"] + 0.5 * 2)) < 1e-5
