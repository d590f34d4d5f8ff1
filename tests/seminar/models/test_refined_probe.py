"""The network that starts at the probe is the probe, until it has learnt."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor

from seminar.config.settings import TrainConfig
from seminar.labels import ClassNames
from seminar.models.build_network import build_network
from seminar.models.checkpoint import load_model, save_model
from seminar.models.probe import ProbeNetwork
from seminar.models.refined_probe import RefinedProbe

LITE0 = TrainConfig(start="probe", backbone="efficientnet_lite0", weights="lite0.pth")


def filled(probe: ProbeNetwork) -> ProbeNetwork:
    """With random weights of all features."""
    generator = torch.Generator().manual_seed(1)
    classes = len(probe.bias)
    weights = torch.randn(classes, sum(probe.widths), generator=generator)
    probe.set_weights(weights, torch.randn(classes, generator=generator))
    return probe


def refined(channels: int = 3, num_classes: int = 3) -> RefinedProbe:
    torch.manual_seed(0)
    network = build_network(LITE0, num_classes=num_classes, channels=channels, load=False)
    assert isinstance(network, RefinedProbe)
    with torch.no_grad():
        filled(network.probe)
    return network


def noise(channels: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 255 * torch.rand(2, channels, height, width, generator=generator)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (33, 70), (5, 1)])
@pytest.mark.parametrize("training", [False, True])
def test_before_its_first_step_it_is_the_probe(height: int, width: int, training: bool) -> None:
    network = refined().train(training)
    image = noise(3, height, width)
    assert torch.equal(network(image), network.probe(image))


def test_filters_alone_can_be_refined_too() -> None:
    probe = filled(ProbeNetwork(None, channels=2, num_classes=4))
    network = RefinedProbe(probe, num_classes=4, light=True)
    image = noise(2, 40, 50)
    assert torch.equal(network(image), probe(image))
    assert network.parameter_groups()["backbone"] == []


def test_decoder_probe_and_the_deep_half_of_the_backbone_learn() -> None:
    network = refined(channels=1)
    groups = network.parameter_groups()
    learning = list(itertools.chain(*groups.values()))
    assert len({id(each) for each in learning}) == len(learning)
    assert {id(each) for each in learning} == {
        id(each) for each in network.parameters() if each.requires_grad
    }
    frozen = [name for name, each in network.named_parameters() if not each.requires_grad]
    stages = {name.partition("blocks.")[2][:1] or name.split(".")[4] for name in frozen}
    assert stages == {"conv_stem", "0", "1", "2"}  # of seven stages of blocks


def test_a_step_corrects_the_probe_and_leaves_the_early_layers() -> None:
    network = refined(num_classes=2).train()
    image, target = noise(3, 64, 64), torch.ones(2, 64, 64, dtype=torch.int64)
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = torch.optim.SGD([each for each in network.parameters() if each.requires_grad], 1e-2)
    first = torch.nn.functional.cross_entropy(network(image), target)
    first.backward()
    optimizer.step()
    assert torch.nn.functional.cross_entropy(network(image), target) < first
    changed = {name for name, value in network.named_parameters() if (value != before[name]).any()}
    assert {"decoder.classify.weight", "probe.bias", "probe.heads.0"} <= changed
    assert not [name for name in changed if "blocks.1." in name or "conv_stem" in name]


def test_a_model_file_gives_the_same_logits_and_names_the_weights(tmp_path: Path) -> None:
    network = refined()
    with torch.no_grad():
        network.decoder.classify.bias.fill_(0.5)
    save_model(
        tmp_path / "model.pt",
        network,
        config=LITE0,
        classes=ClassNames.of("background", "cell", "debris"),
        channels=3,
    )
    loaded = load_model(tmp_path / "model.pt")
    image = noise(3, 50, 40)
    assert torch.equal(loaded.network(image), network.eval()(image))
    assert "tf_efficientnet_lite0.in1k, Apache-2.0" in loaded.credits
