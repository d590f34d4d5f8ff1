"""Probabilities follow the edges of the image, in the graph of an export, too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seminar.models.mean_field import COARSE, FINE, Reach, Sharpened, sharpened


def two_halves(noise: float) -> Tensor:
    """(1, 3, 64, 80): dark left of column 40, bright right of it."""
    values = torch.full((1, 3, 64, 80), 60.0)
    values[..., 40:] = 180.0
    return values + noise * torch.randn(values.shape, generator=torch.Generator().manual_seed(0))


def scores(num_classes: int, edge: int) -> Tensor:
    """Log probabilities: class 0 left of a column, class 1 right of it, neither sure."""
    logits = torch.zeros(1, num_classes, 64, 80)
    logits[:, 0, :, :edge] = logits[:, 1, :, edge:] = 1.0
    logits[:, 2:] = -1e4
    return logits.log_softmax(dim=1)


@pytest.mark.parametrize("noise", [0.0, 3.0])
@pytest.mark.parametrize(("reach", "num_classes", "off"), [(FINE, 2, 2), (COARSE, 4, 4)])
def test_labels_move_to_the_edge_nearby(
    reach: Reach, num_classes: int, off: int, noise: float
) -> None:
    found = sharpened(scores(num_classes, 40 + off), two_halves(noise), reach)
    assert found.shape == (1, num_classes, 64, 80)
    labels = found.argmax(dim=1)[0]
    assert (labels[:, :40] == 0).all()
    assert (labels[:, 42:] == 1).float().mean() > 0.99


def test_where_the_image_is_even_only_a_speck_goes() -> None:
    image = torch.full((1, 1, 64, 80), 100.0)
    log_probs = scores(2, 40)
    log_probs[:, :, 20:22, 10:12] = log_probs[:, :, 20:22, 60:62]
    labels = sharpened(log_probs, image, FINE).argmax(dim=1)[0]
    np.testing.assert_array_equal(labels, scores(2, 40).argmax(dim=1)[0])


class _Fixed(nn.Module):
    """As many classes as channels, the brightest one."""

    multiple, tile_size, overlap = 4, 64, 16

    def forward(self, image: Tensor) -> Tensor:
        return image / 50


@pytest.mark.parametrize("channels", [2, 3])
def test_the_graph_of_an_export_gives_the_same_at_any_size(channels: int) -> None:
    network = Sharpened(_Fixed()).eval()
    sides = {2: 4 * torch.export.Dim("rows", max=50), 3: 4 * torch.export.Dim("cols", max=50)}
    example = torch.rand(2, channels, 40, 48)
    graph = torch.export.export(network, (example,), dynamic_shapes=(sides,), strict=False)
    image = 255 * torch.rand(2, channels, 56, 64)
    np.testing.assert_allclose(graph.module()(image), network(image), atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 1)])
def test_an_image_of_one_row_or_column_has_labels(size: tuple[int, int]) -> None:
    for reach in (FINE, COARSE):
        logits = torch.randn(1, 3, *size).log_softmax(dim=1)
        assert sharpened(logits, 255 * torch.rand(1, 3, *size), reach).isfinite().all()


def test_an_odd_side_keeps_its_size_and_tiles_are_the_network_s() -> None:
    network = Sharpened(_Fixed())
    assert network(torch.rand(1, 3, 61, 47)).shape == (1, 3, 61, 47)
    assert (network.multiple, network.tile_size, network.overlap) == (4, 64, 16)
