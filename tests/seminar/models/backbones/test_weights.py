"""Start weights fit their backbone, and files that hold none are refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from seminar.config.settings import TrainConfig
from seminar.errors import CheckpointError
from seminar.models.backbones.weights import read_state_dict
from seminar.models.build_network import build_network


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="expected a torchvision mobilenet_v2"):
        build_network(
            TrainConfig(
                start="random", backbone="mobilenet_v2", weights=str(tmp_path / "other.pth")
            ),
            num_classes=2,
            channels=3,
        )


def test_weights_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        read_state_dict(tmp_path / "missing.pth")
    (tmp_path / "text.pth").write_text("not a checkpoint")
    with pytest.raises(CheckpointError, match="not a readable weights file"):
        read_state_dict(tmp_path / "text.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="state dict"):
        read_state_dict(tmp_path / "list.pth")


def test_weights_in_a_hostile_zip_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    torch.save(nn.Linear(2, 2).state_dict(), path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../evil", b"x")
    with pytest.raises(
        CheckpointError, match=r"weights .*bomb\.pth: its member '\.\./evil' leads out"
    ):
        read_state_dict(path)


def test_offline_the_download_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match="--weights FILE"):
        build_network(
            TrainConfig(start="random", backbone="mobilenet_v2", weights="imagenet"),
            num_classes=2,
            channels=3,
        )
