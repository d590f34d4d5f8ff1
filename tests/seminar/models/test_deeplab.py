"""The network takes any image."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from seminar.config.settings import Backbone, TrainConfig
from seminar.errors import CheckpointError
from seminar.models.backbones import adapt_first_conv, build_backbone, read_state_dict
from seminar.models.deeplab import build_network


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "mobilenet_v3_large", "resnet50"])
def test_logits_have_the_image_s_size(backbone: Backbone) -> None:
    config = TrainConfig(backbone=backbone, weights="none")
    network = build_network(config, num_classes=5, channels=2).eval()
    with torch.no_grad():
        for size in ((1, 1), (33, 70)):
            assert network(torch.rand(1, 2, *size) * 255).shape == (1, 5, *size)


def test_a_batch_of_one_trains_with_group_norm() -> None:
    network = build_network(TrainConfig(weights="none"), num_classes=2, channels=3).train()
    network(torch.rand(1, 3, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_paper_s_network_has_batch_norm_dilation_and_a_wide_head() -> None:
    config = TrainConfig(backbone="resnet50", weights="none", norm="batch", batch_size=2)
    network = build_network(config, num_classes=21, channels=3)
    assert not any(isinstance(module, nn.GroupNorm) for module in network.modules())
    assert network.classify.in_channels == 256
    with torch.no_grad():
        assert network.eval().backbone(torch.rand(1, 3, 64, 64))["deep"].shape == (1, 2048, 4, 4)


def test_head_and_backbone_share_out_all_parameters() -> None:
    network = build_network(TrainConfig(weights="none"), num_classes=2, channels=1)
    head, backbone = network.head_parameters(), list(network.backbone.parameters())
    assert len(head) + len(backbone) == len(list(network.parameters()))
    assert not {id(parameter) for parameter in head} & {id(parameter) for parameter in backbone}


def test_a_grey_image_gives_what_its_rgb_copy_gives() -> None:
    conv = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False))
    grey = torch.rand(1, 1, 8, 8)
    expected = conv(grey.expand(-1, 3, -1, -1))
    adapt_first_conv(conv, "0", 1)
    torch.testing.assert_close(conv(grey), expected)


def test_pretrained_weights_mean_the_same_after_folding_batch_norm(shared_data: Path) -> None:
    weights = str(shared_data / "weights" / "mobilenet_v2_imagenet_from_coral_quant.pth")
    folded, _ = build_backbone("mobilenet_v2", norm="group", weights=weights, channels=3)
    plain, _ = build_backbone("mobilenet_v2", norm="batch", weights=weights, channels=3)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected, found = plain.eval()(image), folded.eval()(image)
    for name in ("half", "quarter"):  # "deep" is taken at another block
        torch.testing.assert_close(found[name], expected[name], rtol=1e-3, atol=1e-3)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="expected a torchvision mobilenet_v2"):
        build_network(TrainConfig(weights=str(tmp_path / "other.pth")), num_classes=2, channels=3)


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
        build_network(TrainConfig(weights="imagenet"), num_classes=2, channels=3)
