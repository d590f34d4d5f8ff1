"""The examples run as they stand, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from seminar.config.settings import TrainConfig
from seminar.inference.predictor import Predictor
from seminar.io.label_png import read_label_png
from seminar.labels import ClassNames
from seminar.models.checkpoint import save_model
from seminar.models.deeplab import build_network

ROOT = Path(__file__).parents[2]
TESTED = {"train_and_predict.py", "predict_folder.py", "run_exported_onnx.py"}


def example(name: str, *words: object) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "examples" / name), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = TrainConfig(weights="none")
    network = build_network(config, num_classes=2, channels=1)
    save_model(
        tmp_path / "model.pt",
        network,
        config=config,
        classes=ClassNames.of("background", "cell"),
        channels=1,
    )
    return tmp_path / "model.pt"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    from skimage import data

    path = tmp_path / "images" / "coins.png"
    path.parent.mkdir()
    Image.fromarray(data.coins()[:120, :130]).save(path)
    return path


def test_every_example_is_tested() -> None:
    assert {path.name for path in (ROOT / "examples").glob("*.py")} >= TESTED


@pytest.mark.slow
def test_train_and_predict(tmp_path: Path) -> None:
    out = example("train_and_predict.py", tmp_path, 2)
    assert "of the first image is" in out
    assert (tmp_path / "project" / "runs" / "example" / "model.pt").exists()


@pytest.mark.slow
def test_predict_folder(model: Path, photo: Path, tmp_path: Path) -> None:
    out = example("predict_folder.py", model, photo.parent, tmp_path / "out")
    assert out.startswith("coins.png: ")
    expected = Predictor.from_folder(model, "cpu").predict(np.asarray(Image.open(photo)))
    np.testing.assert_array_equal(read_label_png(tmp_path / "out" / "coins.png"), expected)
    assert tifffile.imread(tmp_path / "out" / "coins_instances.tif").max() == int(out.split()[1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_run_exported_onnx(model: Path, photo: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from seminar.export.export import export

    export(model, "onnx", tmp_path / "model.onnx", image=photo)
    out = example("run_exported_onnx.py", tmp_path / "model.onnx", photo, tmp_path / "labels.png")
    assert "background: " in out and "cell: " in out
    labels = np.asarray(Image.open(tmp_path / "labels.png"))
    image = np.asarray(Image.open(photo))
    predictor = Predictor.from_folder(model, "cpu")
    prepared = predictor.prepare(image)
    padded = np.pad(prepared, [(0, 0), *((0, -side % 16) for side in image.shape)], mode="edge")
    expected = predictor.predict_prepared(padded)[:, : image.shape[0], : image.shape[1]].argmax(
        axis=0
    )
    assert (labels == expected).mean() >= 0.999
