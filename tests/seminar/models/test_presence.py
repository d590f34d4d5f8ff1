"""What an image as a whole says of its classes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seminar.models.presence import LEAST, SHARE, Presence

STRIDES, WIDTHS = (4, 16, 32), (3, 4, 5)


def maps(*, side: int = 64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, width, side // stride, side // stride, generator=generator)
        for stride, width in zip(STRIDES, WIDTHS, strict=True)
    ]


def presence() -> Presence:
    return Presence(STRIDES, WIDTHS, num_classes=3)


def test_it_starts_with_every_class_there() -> None:
    added = presence()(maps())
    assert added.shape == (2, 3, 1, 1)
    torch.testing.assert_close(added, torch.zeros_like(added))


@pytest.mark.parametrize("side", [32, 64])
def test_it_looks_at_mean_and_spread_of_the_deep_maps(side: int) -> None:
    """A map of one cell has no spread, and no NaN."""
    deep = maps(side=side)[1:]
    expected = [
        value
        for each in deep
        for value in (each.mean(dim=(2, 3)), each.std(dim=(2, 3), correction=0))
    ]
    torch.testing.assert_close(presence().summary(maps(side=side)), torch.cat(expected, dim=1))


def test_a_class_that_is_surely_absent_loses_so_much_and_no_more() -> None:
    network = presence()
    network.bias.copy_(torch.tensor([30.0, 0.0, -1000.0]))
    floor = torch.tensor([1.0, 0.5, LEAST]).log() * SHARE
    torch.testing.assert_close(network(maps())[0, :, 0, 0], floor)


def test_the_backbone_does_not_learn_from_it() -> None:
    deep = [each.requires_grad_() for each in maps()]
    assert not presence()(deep).requires_grad


def test_networks_saved_before_it_was_there_have_every_class() -> None:
    network = presence()
    network.load_state_dict({})
    torch.testing.assert_close(network(maps()), torch.zeros(2, 3, 1, 1))


def test_its_graph_takes_other_sizes() -> None:
    network = presence()
    network.weight.normal_(generator=torch.Generator().manual_seed(0))
    network.bias.zero_()
    sides = [
        {
            axis: 32 // stride * torch.export.Dim(name, min=1, max=50)
            for axis, name in enumerate("rc", 2)
        }
        for stride in STRIDES
    ]
    graph = torch.export.export(network, (maps(),), dynamic_shapes=(sides,), strict=False)
    torch.testing.assert_close(graph.module()(maps(side=96)), network(maps(side=96)))
