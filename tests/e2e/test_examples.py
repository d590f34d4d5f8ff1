"""The examples run as they stand."""

from __future__ import annotations

import contextlib
import io
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.inference.predictor import Predictor
from seminar.io.label_png import read_label_png
from seminar.labels import ClassNames
from seminar.models.build_network import build_network
from seminar.models.checkpoint import save_model
from seminar.project.project import Project

ROOT = Path(__file__).parents[2]
TESTED = {
    "train_and_predict.py",
    "predict_folder.py",
    "run_exported_onnx.py",
    "live_mask.py",
}


def example(name: str, *words: object) -> str:
    """What an example prints, run in this process, which has loaded torch already."""
    path = ROOT / "examples" / name
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as printed,
    ):
        patch.setattr(sys, "argv", [str(path), *map(str, words)])
        runpy.run_path(str(path), run_name="__main__")
    return printed.getvalue()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = TrainConfig(start="random", backbone="mobilenet_v2", weights="none")
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
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == TESTED


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


def test_live_mask(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 60, (40, 50)).astype(np.uint8)
    image[10:30, 15:40] += 150
    Image.fromarray(image).save(tmp_path / "field.png")
    project = Project.create(
        tmp_path / "project", [tmp_path / "field.png"], ClassNames.of("background", "cell")
    )
    clicks = ClickSet(40, 50, np.array([[20.0, 25.0], [4.0, 4.0]]), np.array([1, 0]))
    project.write_clicks("field", clicks)
    example("live_mask.py", project.path, "field", tmp_path / "mask.png", "none")
    labels = read_label_png(tmp_path / "mask.png")
    assert labels[14:26, 19:36].mean() > 0.9 and labels[:6].mean() < 0.1


@pytest.mark.filterwarnings("ignore")
def test_run_exported_onnx(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, which needs neither torch nor this library; the network is one that
    is quick to export.
    """
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from seminar.export.export import export

    network = torch.nn.Conv2d(1, 2, 17, padding=8)  # where a blurred image is brighter than 100
    network.load_state_dict(
        {
            "weight": torch.tensor([0.0, 1 / 17**2]).view(2, 1, 1, 1).repeat(1, 1, 17, 17),
            "bias": torch.tensor([100.0, 0.0]),
        }
    )
    classes = ClassNames.of("background", "cell")
    predictor = Predictor(network.eval(), classes=classes, num_channels=1, device="cpu")
    monkeypatch.setattr(Predictor, "from_folder", classmethod(lambda *_: predictor))
    export(tmp_path, "onnx", tmp_path / "model.onnx", image=photo)
    code = (
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0]);"
        " print({'torch', 'seminar'} & {*sys.modules})"
    )
    words = [ROOT / "examples" / "run_exported_onnx.py"]
    words += [tmp_path / "model.onnx", photo, tmp_path / "labels.png"]
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "background: " in done.stdout and "cell: " in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"
    labels = np.asarray(Image.open(tmp_path / "labels.png"))
    image = np.asarray(Image.open(photo))
    prepared = predictor.prepare(image)
    padded = np.pad(prepared, [(0, 0), *((0, -side % 16) for side in image.shape)], mode="edge")
    probs = predictor.predict_prepared(padded)[:, : image.shape[0], : image.shape[1]]
    assert 0.1 < labels.mean() < 0.9
    assert (labels == probs.argmax(axis=0)).mean() >= 0.999
