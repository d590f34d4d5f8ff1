"""`seminar export` as a person types it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seminar.cli.main import main
from seminar.config.settings import TrainConfig
from seminar.inference.predictor import Predictor
from seminar.labels import ClassNames
from seminar.models.build_network import build_network
from seminar.models.checkpoint import save_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model and an image, in which the commands run."""
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
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 60), dtype=np.uint8)).save(
        tmp_path / "image.png"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["seminar", "export", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


@pytest.mark.filterwarnings("ignore")
def test_the_command_says_what_was_checked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a network that is quick to export."""
    classes = ClassNames.of("background", "cell")
    network = torch.nn.Conv2d(1, 2, 3, padding=1).eval()
    predictor = Predictor(network, classes=classes, num_channels=1, device="cpu")
    monkeypatch.setattr(Predictor, "from_folder", classmethod(lambda *_: predictor))
    words = "model.pt --format pt2 --out new/model.pt2 --image image.png"
    assert call(monkeypatch, *words.split()) == 0
    assert (
        "new/model.pt2 written. Checked in torch.export.load: 100.00 % same labels on image.png"
        in capsys.readouterr().out
    )
    assert (folder / "new" / "model.pt2").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.pt", "--format", "onnx", "--out", "model.pt2"], "ends in .onnx"),
        (
            ["model.pt", "--format", "tflite", "--out", "model.tflite"],
            "expected one of folder, bioimageio, onnx, pt2",
        ),
        (["model.pt", "--format", "pt2", "--out", "model.pt2"], "give one with --image FILE"),
        (["absent", "--format", "pt2", "--out", "model.pt2"], "absent: no such file"),
        (
            ["model.pt", "--format", "pt2", "--out", "model.pt2", "--image", "absent.png"],
            "absent.png: no such file",
        ),
        (
            ["model.pt", "--format", "pt2", "--out", "model.pt2", "--image", "model.pt"],
            "model.pt: neither jpg, png nor tif",
        ),
    ],
)
def test_mistakes_are_a_sentence_and_exit_2(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    assert call(monkeypatch, *words) == 2
    captured = capsys.readouterr()
    assert message in captured.err and not captured.out
    assert sorted(entry.name for entry in folder.iterdir()) == ["image.png", "model.pt"]
