"""Model files and checkpoints: whole, verified, and never executed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from seminar.config.settings import TrainConfig
from seminar.errors import CheckpointError
from seminar.labels import ClassNames
from seminar.models.build_network import build_network
from seminar.models.checkpoint import (
    MODEL_VERSION,
    load_checkpoint,
    load_model,
    save_checkpoint,
    save_model,
)

CLASSES = ClassNames.of("background", "cell")


def saved_model(path: Path, config: TrainConfig) -> torch.nn.Module:
    network = build_network(config, num_classes=2, channels=1).eval()
    save_model(path, network, config=config, classes=CLASSES, channels=1)
    return network


def test_a_model_comes_back_as_it_was(tmp_path: Path, tiny_config: TrainConfig) -> None:
    network = saved_model(tmp_path / "model.pt", tiny_config)
    model = load_model(tmp_path / "model.pt")
    image = torch.rand(1, 1, 40, 30) * 255
    with torch.no_grad():
        assert torch.equal(model.network(image), network(image))
    assert (model.config, model.classes, model.channels) == (tiny_config, CLASSES, 1)


def test_a_model_keeps_colours_settings_and_number_of_channels(
    tmp_path: Path, tiny_config: TrainConfig
) -> None:
    classes = ClassNames.parse("background #102030\ncell #ff8000\n")
    config = tiny_config.replace(channels=(2, 0, 1, 3), stretch=(0.5, 99.0), seed=7)
    save_model(
        tmp_path / "model.pt",
        build_network(config, num_classes=2, channels=4),
        config=config,
        classes=classes,
        channels=4,
    )
    model = load_model(tmp_path / "model.pt")
    assert model.classes.colours == ((0x10, 0x20, 0x30), (0xFF, 0x80, 0))
    assert (model.config, model.channels) == (config, 4)
    assert not any(module.training for module in model.network.modules())


def test_a_model_that_lacks_weights_is_refused(tmp_path: Path, tiny_config: TrainConfig) -> None:
    saved_model(tmp_path / "model.pt", tiny_config)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    content["state"].popitem()
    torch.save(content, tmp_path / "part.pt")
    with pytest.raises(CheckpointError, match="do not fit together"):
        load_model(tmp_path / "part.pt")


def test_a_checkpoint_is_no_model_and_a_model_no_checkpoint(
    tmp_path: Path, tiny_config: TrainConfig
) -> None:
    saved_model(tmp_path / "checkpoint.pt", tiny_config)
    with pytest.raises(CheckpointError, match="expected a seminar-checkpoint file"):
        load_checkpoint(tmp_path / "checkpoint.pt")
    save_checkpoint(tmp_path / "other" / "checkpoint.pt", {"iteration": 1})
    with pytest.raises(CheckpointError, match="expected a seminar-model file"):
        load_model(tmp_path / "other" / "checkpoint.pt")


@pytest.mark.parametrize("where", [0.02, 0.3, 0.5, 0.9, 0.999])
def test_a_flipped_byte_or_a_cut_file_is_found(
    tmp_path: Path, tiny_config: TrainConfig, where: float
) -> None:
    saved_model(tmp_path / "model.pt", tiny_config)
    data = bytearray((tmp_path / "model.pt").read_bytes())
    (tmp_path / "cut.pt").write_bytes(data[: int(where * len(data))])
    with pytest.raises(CheckpointError, match=r"cut\.pt: "):
        load_model(tmp_path / "cut.pt")
    if where in (0.3, 0.5, 0.9):  # inside the tensors
        data[int(where * len(data))] ^= 0x40
        (tmp_path / "flipped.pt").write_bytes(data)
        with pytest.raises(CheckpointError, match=r"flipped\.pt: "):
            load_model(tmp_path / "flipped.pt")


def test_what_is_no_model_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        load_model(tmp_path / "missing.pt")
    with pytest.raises(CheckpointError, match="no model yet"):
        load_model(tmp_path)
    torch.save({"format": "seminar-model", "version": MODEL_VERSION + 1}, tmp_path / "future.pt")
    with pytest.raises(CheckpointError, match="update seminar-napari"):
        load_model(tmp_path / "future.pt")
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="expected a seminar-model file"):
        load_model(tmp_path / "other.pt")


def test_weights_of_another_network_are_refused(tmp_path: Path, tiny_config: TrainConfig) -> None:
    saved_model(tmp_path / "model.pt", tiny_config)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    content["config"] = tiny_config.replace(backbone="resnet50").to_toml()
    torch.save(content, tmp_path / "mixed.pt")
    with pytest.raises(CheckpointError, match="do not fit together"):
        load_model(tmp_path / "mixed.pt")


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (os.environ["BOMB"],)


def test_code_in_a_file_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOMB", str(tmp_path / "boom"))
    torch.save({"format": "seminar-model", "version": 1, "state": Bomb()}, tmp_path / "bomb.pt")
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps(Bomb()))
    for name in ("bomb.pt", "pickle.pt"):
        with pytest.raises(CheckpointError):
            load_model(tmp_path / name)
    assert not (tmp_path / "boom").exists()


def test_the_checkpoint_before_a_damaged_one_is_used(tmp_path: Path) -> None:
    path = tmp_path / "ancillary" / "checkpoint.pt"
    assert load_checkpoint(path) == (None, [])
    for iteration in (10, 20):
        save_checkpoint(path, {"iteration": iteration, "student": {"w": torch.ones(50)}})
    content, faults = load_checkpoint(path)
    assert content is not None
    assert (content["iteration"], faults) == (20, [])
    path.write_bytes(path.read_bytes()[:-40])
    content, faults = load_checkpoint(path)
    assert content is not None
    assert content["iteration"] == 10
    assert "checkpoint.pt" in faults[0]
    path.with_name("previous.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="no whole checkpoint is left"):
        load_checkpoint(path)


def test_a_kill_before_the_first_rename_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(tmp_path / "later" / "checkpoint.pt", {"iteration": 30})
    for iteration in (10, 20):
        save_checkpoint(path, {"iteration": iteration})
    (tmp_path / "later" / "checkpoint.pt").replace(path.with_name("checkpoint.new"))
    content, _ = load_checkpoint(path)
    assert content is not None
    assert content["iteration"] == 30


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"iteration": 10})
    save_checkpoint(path, {"iteration": 20})
    path.replace(path.with_name("checkpoint.new"))  # as if killed before the last rename
    content, _ = load_checkpoint(path)
    assert content is not None
    assert content["iteration"] == 20
