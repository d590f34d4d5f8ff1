"""The filter through a permutohedral lattice, bias included, to repeat Tang et al. 2018.

Adams, Baek and Davis, Fast High-Dimensional Filtering Using the Permutohedral Lattice, Eurographics
2010: each pixel gives its value to the d + 1 corners of its simplex, corners are blurred by (1/2,
1, 1/2) along each of the d + 1 axes, and pixels read them back with the same weights. As in the
implementation that Tang et al. took over (Krähenbühl and Koltun 2011) the result is scaled by 1 /
(1 + 2^-d). Against the exact Gaussian it is 1.6 to 1.8 times too small, 38 % to 46 % off
(``benchmarks/crf.md``), and not quite symmetric, since the axes are blurred one after the other:
the gradient that the loss reports, 2 (t - W S), is the reference's, not the derivative of its value
to the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class LatticePlan(NamedTuple):
    """The lattice of a batch; ``join_lattices`` makes a batch out of single images.

    Attributes
    ----------
    corners : Tensor
        (N, d + 1, P) int64, the lattice points around each pixel, 1..M.
    weights : Tensor
        (N, d + 1, P), barycentric, adding up to 1.
    neighbours : Tensor
        (d + 1, 2, M) int64, the points before and after along each axis; 0 where there is none.
    """

    corners: Tensor
    weights: Tensor
    neighbours: Tensor


def plan_lattice(features: Tensor) -> LatticePlan:
    """Find the lattice points around every pixel of ``features`` (N, D, P) and their neighbours."""
    batch, dims, pixels = features.shape
    # theirs has place first, and the order matters
    features = torch.cat([features[:, -2:], features[:, :-2]], 1)
    nearest, rank, weights = _enclosing_simplex(features)
    corner = torch.arange(dims + 1, device=features.device)[:, None]
    steps = torch.where(
        corner + torch.arange(dims + 1, device=features.device) <= dims, corner, corner - dims - 1
    )
    keys = nearest[:, None, :dims] + steps[:, rank[:, :dims]].transpose(0, 1)  # (N, d + 1, D, P)
    strides = _strides(keys)  # a key in one int64: the image, then d coordinates
    image = torch.arange(batch, device=features.device)[:, None, None]
    low = keys.amin((0, 1, 3))[:, None]
    packed = ((keys - low + dims + 1) * strides[1:, None]).sum(2) + image * strides[0]
    points, corners = torch.unique(packed, return_inverse=True)
    neighbours = torch.zeros((dims + 1, 2, len(points)), dtype=torch.int64, device=features.device)
    for axis in range(dims + 1):
        step = -int(strides[1:].sum()) + (int(strides[1 + axis]) * (dims + 1) if axis < dims else 0)
        for side, towards in enumerate((points + step, points - step)):
            place = torch.searchsorted(points, towards).clamp_(max=len(points) - 1)
            neighbours[axis, side] = torch.where(points[place] == towards, place + 1, 0)
    return LatticePlan(corners.view(batch, dims + 1, pixels) + 1, weights, neighbours)


def join_lattices(plans: Sequence[LatticePlan]) -> LatticePlan:
    """Make the lattice of a batch out of those of its images, in this order."""
    offsets = [0]
    for plan in plans:
        offsets.append(offsets[-1] + plan.neighbours.shape[-1])
    shifted = [
        torch.where(p.neighbours > 0, p.neighbours + o, 0)
        for p, o in zip(plans, offsets[:-1], strict=True)
    ]
    return LatticePlan(
        torch.cat([p.corners + o for p, o in zip(plans, offsets[:-1], strict=True)]),
        torch.cat([p.weights for p in plans]),
        torch.cat(shifted, -1),
    )


def filter_lattice(values: Tensor, plan: LatticePlan) -> Tensor:
    """Return W values (N, K, P), all channels in one pass, with the lattice's W."""
    batch, classes, _ = values.shape
    axes = len(plan.neighbours)
    table = values.new_zeros((plan.neighbours.shape[-1] + 1, classes))  # row 0: no such point
    for i in range(batch):
        rows = values[i].T.contiguous()  # (P, K)
        for j in range(axes):
            table.index_add_(0, plan.corners[i, j], rows * plan.weights[i, j, :, None])
    for before, after in plan.neighbours:
        table[1:] += 0.5 * (table[before] + table[after])
    table *= 1 / (1 + 2.0 ** -(axes - 1))
    filtered = torch.empty_like(values)
    for i in range(batch):
        read = sum(table[plan.corners[i, j]] * plan.weights[i, j, :, None] for j in range(axes))
        assert isinstance(read, Tensor)
        filtered[i] = read.T
    return filtered


def _enclosing_simplex(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The remainder-0 point (N, d + 1, P), its coordinates' ranks, barycentric weights (p. 5)."""
    dims = features.shape[1]
    order = torch.arange(1, dims + 1, device=features.device, dtype=features.dtype)
    width = (dims + 1) * math.sqrt(2 / 3) / (order * (order + 1)).sqrt()
    scaled = features * width[:, None]
    tail = scaled.flip(1).cumsum(1).flip(1)  # sum over i >= j
    zero = torch.zeros_like(scaled[:, :1])
    # (N, d + 1, P), sums to 0
    lifted = torch.cat([tail, zero], 1) - torch.cat([zero, order[:, None] * scaled], 1)
    nearest = (lifted / (dims + 1)).round()
    excess = nearest.sum(1, keepdim=True).long()
    remainder = lifted - nearest * (dims + 1)
    rank = remainder.argsort(dim=1, descending=True, stable=True).argsort(dim=1) + excess
    wrap = (rank < 0).long() - (rank > dims).long()
    rank = rank + wrap * (dims + 1)
    nearest = (nearest.long() + wrap) * (dims + 1)
    offset = (lifted - nearest) / (dims + 1)
    by_rank = torch.zeros_like(offset).scatter_(1, rank, offset).flip(1)  # largest rank first
    weights = by_rank - torch.cat([by_rank[:, -1:] - 1, by_rank[:, :-1]], 1)
    return nearest, rank, weights


def _strides(keys: Tensor) -> Tensor:
    """Factors that pack an image number and ``keys`` (N, d + 1, D, P) into one int64."""
    span = (keys.amax((0, 1, 3)) - keys.amin((0, 1, 3)) + 2 * (keys.shape[2] + 1) + 1).tolist()
    factors = [1]
    for width in reversed(span):
        factors.append(factors[-1] * int(width))
    if factors[-1] * len(keys) >= 2**62:
        raise ValueError(
            f"the lattice of a {keys.shape[2] - 2}-channel image spans {span} points, more than an "
            "int64 can number; use method='nystrom', or a larger sigma_rgb"
        )
    return torch.tensor(factors[::-1], device=keys.device)
