"""From images to masks in other programs by a probe, each step as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import seminar
from PIL import Image

from seminar.inference.predictor import Predictor
from seminar.io.label_png import read_label_png, write_label_png
from seminar.models.backbones.inverted_residuals import RECIPES, InvertedResiduals
from seminar.project.project import Project

SIZE = (100, 130)


def field(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Dark noise with two bright discs, (H, W, 3) uint8, and its truth."""
    rng = np.random.default_rng(number)
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]]
    truth = np.zeros(SIZE, np.uint8)
    for left in (20, 80):
        row, col = rng.integers(30, 70), left + rng.integers(0, 25)
        truth[(rows - row) ** 2 + (cols - col) ** 2 < 14**2] = 1
    image = rng.normal(60, 10, (*SIZE, 3)) + 90 * truth[..., None]
    return image.clip(0, 255).astype(np.uint8), truth


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache" / name))


def run(folder: Path, *words: object) -> str:
    done = seminar(*words, cwd=folder)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project of six images; four are clicked, and two are held out."""
    (tmp_path / "images").mkdir()
    for number in range(6):
        Image.fromarray(field(number)[0]).save(tmp_path / "images" / f"f{number}.png")
    run(tmp_path, "new", "project", "images", "--classes", "background,cell")
    project = Project.open(tmp_path / "project")
    for number in range(6):
        write_label_png(project.truth_path(f"f{number}"), field(number)[1], project.classes)
    for name, numbers in (("train", range(4)), ("val", range(4, 6))):
        path = project.split_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"f{number}\n" for number in numbers))
    said = run(tmp_path, "simulate-clicks", "project")
    assert "clicks on 4 images" in said
    return tmp_path


def test_from_images_to_scores(folder: Path) -> None:
    said = run(folder, "probe", "project", "--backbone", "none")
    model = said.splitlines()[-1]
    assert model == str(Path("project", "runs", "probe", "model.pt"))
    run(folder, "predict", model, "images", "--out", "masks", "--instances")
    for number in range(6):
        found, truth = read_label_png(folder / "masks" / f"f{number}.png"), field(number)[1]
        assert (found & truth).sum() / (found | truth).sum() > 0.75
    scores = json.loads(run(folder, "evaluate", "project/runs/probe", "project", "--json"))
    assert scores["images"] == 2
    assert scores["mean_iou"] > 0.8
    scored = json.loads(run(folder, "evaluate", "masks", "project", "--json"))
    assert scored == scores


def quick_to_trace(monkeypatch: pytest.MonkeyPatch) -> InvertedResiduals:
    """The probe with fewer layers of each kind, and its backbone; the whole backbone is traced in
    `tests/seminar/models/backbones/test_pyramid.py`.
    """
    whole = RECIPES["efficientnet_lite0"]
    stages = tuple(
        replace(stage, blocks=2 if number == 1 else 1) for number, stage in enumerate(whole.stages)
    )
    small = replace(whole, stages=stages)
    monkeypatch.setitem(RECIPES, "efficientnet_lite0", small)  # type: ignore[arg-type]
    monkeypatch.setattr("seminar.models.shallow.STRIDES", (1, 2))
    return InvertedResiduals(small)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_other_programs_predict_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports check themselves on an image of the project; here at another size, and two at once,
    without this library. (A pt2 file holds the graph that ONNX is made from.)
    """
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    torch.save(quick_to_trace(monkeypatch).state_dict(), folder / "lite0.pth")
    run(folder, "probe", "project", "--weights", "lite0.pth")
    said = run(folder, "export", "project/runs/probe", "--format", "onnx", "--out", "m.onnx")
    assert "same labels on f0.png" in said
    images = np.random.default_rng(0).uniform(0, 255, (2, 3, 64, 160))
    np.save(folder / "images.npy", images.astype(np.float32))
    script = (
        "import json, sys, numpy, onnxruntime\n"
        "images = numpy.load('images.npy')\n"
        "session = onnxruntime.InferenceSession('m.onnx', providers=['CPUExecutionProvider'])\n"
        "notes = json.loads(session.get_modelmeta().custom_metadata_map['seminar'])\n"
        "numpy.save('onnx.npy', session.run(None, {'image': images})[0])\n"
        "assert not any(name.startswith(('seminar', 'torch')) for name in sys.modules)\n"
        "print(json.dumps(notes))\n"
    )
    command = [sys.executable, "-I", "-c", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    notes = json.loads(done.stdout)
    assert notes["classes"] == ["background", "cell"] and notes["multiple"] == 32
    assert "EfficientNet-Lite0" in notes["weights"] and "Apache-2.0" in notes["weights"]
    predictor = Predictor.from_folder(folder / "project" / "runs" / "probe", "cpu")
    found = np.load(folder / "onnx.npy")
    for number, image in enumerate(images.astype(np.float32)):
        expected = predictor.predict_prepared(image)
        np.testing.assert_allclose(found[number], expected, atol=1e-3)
