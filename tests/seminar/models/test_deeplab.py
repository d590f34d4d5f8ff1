"""The network takes any image."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seminar.config.backbones import Backbone
from seminar.config.settings import TrainConfig
from seminar.models.build_network import build_network


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "mobilenet_v3_large", "resnet50"])
def test_logits_have_the_image_s_size(backbone: Backbone) -> None:
    config = TrainConfig(start="random", backbone=backbone, weights="none")
    network = build_network(config, num_classes=5, channels=2).eval()
    with torch.no_grad():
        for size in ((1, 1), (33, 70)):
            assert network(torch.rand(1, 2, *size) * 255).shape == (1, 5, *size)


def test_a_batch_of_one_trains_with_group_norm() -> None:
    network = build_network(
        TrainConfig(start="random", backbone="mobilenet_v2", weights="none"),
        num_classes=2,
        channels=3,
    ).train()
    network(torch.rand(1, 3, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_paper_s_network_has_batch_norm_dilation_and_a_wide_head() -> None:
    config = TrainConfig(
        start="random", backbone="resnet50", weights="none", norm="batch", batch_size=2
    )
    network = build_network(config, num_classes=21, channels=3)
    assert not any(isinstance(module, nn.GroupNorm) for module in network.modules())
    assert network.classify.in_channels == 256
    with torch.no_grad():
        assert network.eval().backbone(torch.rand(1, 3, 64, 64))["deep"].shape == (1, 2048, 4, 4)


def test_head_and_backbone_share_out_all_parameters() -> None:
    network = build_network(
        TrainConfig(start="random", backbone="mobilenet_v2", weights="none"),
        num_classes=2,
        channels=1,
    )
    groups = network.parameter_groups()
    head, backbone = groups["head"], groups["backbone"]
    assert len(backbone) == len(list(network.backbone.parameters()))
    assert len(head) + len(backbone) == len(list(network.parameters()))
    assert not {id(parameter) for parameter in head} & {id(parameter) for parameter in backbone}


@pytest.mark.parametrize(
    ("channels", "expected"), [(1, [114.495]), (4, [123.675, 116.28, 103.53, 123.675])]
)
def test_what_is_subtracted_is_imagenets_mean_of_the_channels(
    channels: int, expected: list[float]
) -> None:
    """255 x (.485, .456, .406): repeated for more channels, their mean for grey."""
    config = TrainConfig(start="random", backbone="mobilenet_v2", weights="none")
    network = build_network(config, num_classes=2, channels=channels)
    assert network.mean.flatten().tolist() == pytest.approx(expected, rel=1e-5)
