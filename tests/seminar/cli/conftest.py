"""The command line in this process, a small model and two images."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seminar.cli.main import main
from seminar.config.settings import TrainConfig
from seminar.labels import ClassNames
from seminar.models.build_network import build_network
from seminar.models.checkpoint import save_model

CLASSES = ClassNames.of("background", "cell #00ff00")
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process: exit status, stdout, stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["seminar", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = TrainConfig(start="random", backbone="mobilenet_v2", weights="none")
    folder = tmp_path_factory.mktemp("runs") / "run"
    network = build_network(config, num_classes=2, channels=1)
    save_model(folder / "model.pt", network, config=config, classes=CLASSES, channels=1)
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(
            np.random.default_rng(len(name)).integers(0, 255, (40, 50), dtype=np.uint8)
        ).save(folder / name)
    return folder
