"""Backbones take any number of channels, and folding keeps what they compute."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn

from seminar.config.backbones import BACKBONES, PYRAMIDS, Backbone, NetworkBackbone
from seminar.config.settings import Norm
from seminar.models.backbones.build import BUILDERS, adapt_first_conv, build_backbone


def test_every_backbone_of_the_settings_is_built_and_shown() -> None:
    assert tuple(BUILDERS) == get_args(Backbone)
    assert set(BACKBONES) == {*BUILDERS, *PYRAMIDS, "none"} == set(get_args(NetworkBackbone))


@pytest.mark.parametrize("norm", ["group", "batch"])
@pytest.mark.parametrize("name", [name for name in get_args(Backbone) if name != "resnet101"])
def test_features_have_the_channels_and_strides_that_are_declared(
    name: Backbone, norm: Norm
) -> None:
    network, features = build_backbone(name, norm=norm, weights="none", channels=2)
    with torch.no_grad():
        taps = network.eval()(torch.rand(1, 2, 64, 64))
    assert {tap: tuple(value.shape) for tap, value in taps.items()} == {
        "half": (1, features.half, 32, 32),
        "quarter": (1, features.quarter, 16, 16),
        "deep": (1, features.deep, 4, 4),
    }


@pytest.mark.parametrize("channels", [1, 2, 4, 5, 6, 7])
def test_equal_channels_give_what_the_rgb_copy_gives(channels: int) -> None:
    conv = nn.Sequential(nn.Conv2d(3, 4, 3))
    grey = torch.rand(1, 1, 8, 8)
    expected = conv(grey.expand(-1, 3, -1, -1))
    adapt_first_conv(conv, "0", channels)
    torch.testing.assert_close(conv(grey.expand(-1, channels, -1, -1)), expected)


def test_every_channel_is_seen_by_itself() -> None:
    conv = nn.Sequential(nn.Conv2d(3, 4, 3))
    adapt_first_conv(conv, "0", 5)
    black = torch.zeros(1, 5, 3, 3)
    seen = {
        tuple(conv(black.index_fill(1, torch.tensor(channel), 1.0)).flatten().tolist())
        for channel in range(3)
    }
    assert len(seen) == 3


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
