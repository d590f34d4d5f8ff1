"""Labels that follow the edges of the image: a few steps of mean field after the network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seminar.models.decoder import resized
from seminar.models.probe import padded

DIRECTIONS = ((0, 1), (1, -1), (1, 0), (1, 1))
"""Down and right, from a pixel to half of its eight neighbours: a pair has one weight."""

SHIFTS = torch.eye(9)[[0, 1, 2, 3, 5, 6, 7, 8]].reshape(8, 1, 3, 3)
"""The convolution that moves all eight."""

WEIGHT, STEPS = 16.0, 4
"""Weight of all pairs of a pixel together, and how often probabilities are passed on."""

LEAST = -9.0
"""Log probability from which on a class is possible, if all around have it."""

EVEN = 0.1
"""Added to the mean square of the differences between neighbours, so that an even image has one."""


@dataclass(frozen=True)
class Reach:
    """How far probabilities are passed on.

    Attributes
    ----------
    stride : int
        The steps are done on an image reduced by this.
    distances : tuple of int
        Between the two pixels of a pair, in each direction, in pixels of that image.
    spread : float
        Difference of colour that a pair still couples, in root mean squares of that of neighbours.
    """

    stride: int
    distances: tuple[int, ...]
    spread: float


FINE, COARSE = Reach(1, (1, 2, 4), 2.0), Reach(2, (2, 6, 12, 24), 1.0)
"""For two classes, whose objects are small, and for more (benchmarks/training.md)."""


class Sharpened(nn.Module):
    """A network whose probabilities are then passed on between pixels of similar colour.

    Mean field of a CRF (Kraehenbuehl and Koltun 2011, algorithm 1, with the colour kernel alone):
    q = softmax(u + sum over the pairs of w q), from u = log softmax of the network's logits. A
    departure from it: a pixel has eight pairs at each distance of its `Reach` in place of all
    pixels, which is a handful of shifts that every format of exported graphs knows. Colours are
    compared with those of neighbours in the same image (of a large one, in the same tile), so that
    smooth and noisy ones are treated alike.

    In and out as the network: (N, C, H, W) float on 0..255, (N, K, H, W) logits.

    Attributes
    ----------
    multiple, tile_size, overlap : int
        Of the network.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        for name in ("multiple", "tile_size", "overlap"):
            setattr(self, name, getattr(network, name))

    def forward(self, image: Tensor) -> Tensor:
        log_probs: Tensor = self.network(image).float().log_softmax(dim=1)
        return sharpened(log_probs, image.float(), usual_reach(log_probs.shape[1]))


def usual_reach(num_classes: int) -> Reach:
    """The reach for so many classes."""
    return FINE if num_classes == 2 else COARSE


def sharpened(log_probs: Tensor, image: Tensor, reach: Reach) -> Tensor:
    """(N, K, H, W) logits of these log probabilities and (N, C, H, W) images, see `Sharpened`."""
    size = image.shape[-2:]
    image = image.contiguous()  # with its channels last it takes twice the time
    unary = log_probs = log_probs.clamp(min=LEAST)
    if reach.stride > 1:
        image, unary = (
            F.avg_pool2d(padded(each, reach.stride), reach.stride) for each in (image, log_probs)
        )
    weights = _weights(image, reach)
    total = unary
    for _ in range(STEPS):
        total = unary + _passed_on(total.softmax(dim=1), weights, reach.distances)
    if reach.stride == 1:
        return total
    whole = [reach.stride * side for side in total.shape[-2:]]
    return log_probs + resized(total - unary, tuple(whole))[..., : size[0], : size[1]]


def _weights(image: Tensor, reach: Reach) -> list[Tensor]:
    """Of the pairs, `WEIGHT` together at a pixel where the colours are the same: (N, 1, h, w) of
    those in each direction. In an export one (N, P, H, W) of each pixel's P pairs.
    """
    beside = (image[..., 1:] - image[..., :-1]).square().mean(dim=(1, 2, 3), keepdim=True)
    below = (image[..., 1:, :] - image[..., :-1, :]).square().mean(dim=(1, 2, 3), keepdim=True)
    steepness = (beside + below).nan_to_num() / 2  # a side of one pixel has no neighbours
    scale = -1 / (2 * reach.spread**2 * (steepness + EVEN))
    share = WEIGHT / (len(SHIFTS) * len(reach.distances))
    if torch.compiler.is_exporting():
        differences = (_shifted(image, reach.distances) - image[:, :, None]).square().mean(dim=1)
        return [(scale * differences).exp() * share]
    weights = []
    for one, other in _pairs(image, reach.distances):
        differences = (one - other).square_().mean(dim=1, keepdim=True)
        weights.append(differences.mul_(scale).exp_().mul_(share))
    return weights


def _passed_on(probs: Tensor, weights: list[Tensor], distances: tuple[int, ...]) -> Tensor:
    """(N, K, H, W): of each pixel the sum of what lies around it, times its weights."""
    if torch.compiler.is_exporting():
        return (_shifted(probs, distances) * weights[0][:, None]).sum(dim=2)
    total = torch.zeros_like(probs)
    pairs, sums = _pairs(probs, distances), _pairs(total, distances)
    for weight, (one, other), (to_one, to_other) in zip(weights, pairs, sums, strict=True):
        to_one.addcmul_(weight, other)
        to_other.addcmul_(weight, one)
    return total


def _pairs(maps: Tensor, distances: tuple[int, ...]) -> Iterator[tuple[Tensor, Tensor]]:
    """Both ends of all pairs in each direction, as views of the maps."""
    height, width = maps.shape[-2:]
    for distance in distances:
        for down, right in DIRECTIONS:
            rows, cols = _ends(height, distance * down), _ends(width, distance * right)
            one, other = zip(rows, cols, strict=True)
            yield maps[(..., *one)], maps[(..., *other)]


def _ends(side: int, step: int) -> tuple[slice, slice]:
    """Where along a side both ends of pairs are, the second one `step` pixels after the first."""
    kept = max(0, side - abs(step))
    first, last = slice(0, kept), slice(side - kept, side)
    return (first, last) if step >= 0 else (last, first)


def _shifted(maps: Tensor, distances: tuple[int, ...]) -> Tensor:
    """The same as (N, K, P, H, W), by convolutions: four times slower, but few nodes of a graph,
    each of which costs a tenth of a second of export.
    """
    num_maps = maps.shape[1]
    each = maps.flatten(0, 1)[:, None]
    moved = [F.conv2d(each, SHIFTS, padding=far, dilation=far) for far in distances]
    shifted: Tensor = torch.cat(moved, dim=1).unflatten(0, (-1, num_maps))
    return shifted
