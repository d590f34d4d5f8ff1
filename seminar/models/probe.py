"""A linear probe: frozen features, and one 1 x 1 convolution on the map of each scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seminar.models.shallow import ShallowStream

Maps = list[Tensor]
"""Features of one image at each scale, fine ones of the filters first: (N, width, h, w) each."""

TILE_SIZE, OVERLAP = 1536, 640
"""Of predictions of large images: features reach far, see `seminar.probe.features.HALO`."""


class ProbeNetwork(nn.Module):
    """Image in, logits out, at any size and with any number of channels.

    The input is (N, C, H, W) float on 0..255, the output (N, K, H, W) logits. A linear map commutes
    with bilinear interpolation: the logits are made on the small maps and added up at full size.

    Each cell counts as a look at the middle of its own stride x stride pixels; the padding of a
    network says otherwise, see `seminar.models.backbones.pyramid`.

    Parameters
    ----------
    pyramid : Pyramid or None
        The frozen backbone; None leaves the filters alone.
    channels, num_classes : int

    Attributes
    ----------
    strides, widths : tuple of int
        Of all maps; see `seminar.models.shallow.ShallowStream`.
    multiple : int
        A tile that starts at a multiple of this has the cells of the whole image. Images are padded
        to multiples of it, right and bottom.
    heads : list of (K, width) parameters
    bias : (K,) parameter
    """

    def __init__(self, pyramid: nn.Module | None, *, channels: int, num_classes: int) -> None:
        super().__init__()
        streams: list[Any] = [ShallowStream(channels), *([] if pyramid is None else [pyramid])]
        self.streams = nn.ModuleList(streams)
        self.strides: tuple[int, ...] = sum((tuple(stream.strides) for stream in streams), ())
        self.widths: tuple[int, ...] = sum((tuple(stream.widths) for stream in streams), ())
        self.multiple = math.lcm(*(stream.multiple for stream in streams))
        self.tile_size, self.overlap = (
            -(-size // self.multiple) * self.multiple for size in (TILE_SIZE, OVERLAP)
        )
        self.heads = nn.ParameterList(torch.zeros(num_classes, width) for width in self.widths)
        self.bias = nn.Parameter(torch.zeros(num_classes))
        self.requires_grad_(False).eval()

    @property
    def num_filters(self) -> int:
        """Features of the filters; those of the backbone follow."""
        filters: Any = self.streams[0]
        return sum(filters.widths)

    def set_weights(self, weights: Tensor, bias: Tensor) -> None:
        """Use these (K, F) weights of all features in the order of the maps, and (K,) biases."""
        parts = weights.split(list(self.widths), dim=1)
        for head, part in zip(self.heads, parts, strict=True):
            head.copy_(part)
        self.bias.copy_(bias)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        return self.logits(self.maps(image), (height, width))

    def maps(self, image: Tensor) -> Maps:
        """The features of (N, C, H, W) images."""
        return list(self.each_map(image))

    def each_map(self, image: Tensor) -> Iterator[Tensor]:
        """The same one after the other: those of a stream are free before the next one works."""
        image = padded(image, self.multiple)
        for stream in self.streams:
            yield from stream(image)

    def logits(self, maps: Sequence[Tensor], size: tuple[int, int], classes: Any = None) -> Tensor:
        """(N, K, height, width) logits of an image of (height, width) with these maps.

        Of these `classes` alone, those of the second to last one less that of the first.
        """
        heads: list[Tensor] = [self.bias, *self.heads]
        if classes is not None:
            first, *others = (int(each) for each in classes)
            heads = [each[others] - each[first] for each in heads]
        bias, *heads = heads
        total = bias[None, :, None, None].expand(maps[0].shape[0], -1, *size)
        sums: dict[int, Tensor] = {}  # one enlargement a stride, which costs more than the rest
        for each, head, stride in zip(maps, heads, self.strides, strict=True):
            scores = F.conv2d(each.to(head.dtype), head[:, :, None, None])
            sums[stride] = sums[stride] + scores if stride in sums else scores
        for stride, scores in sums.items():
            if stride > 1:
                whole = (stride * scores.shape[2], stride * scores.shape[3])
                scores = F.interpolate(scores, size=whole, mode="bilinear", align_corners=False)
            total = total + scores[:, :, : size[0], : size[1]]
        return total


def padded(image: Tensor, multiple: int) -> Tensor:
    """The image with its last row and column repeated up to multiples.

    TensorFlow's networks pad by the size of the image: of another size, features in its middle
    would look up to 15 px aside.
    """
    bottom, right = (-side % multiple for side in image.shape[-2:])
    if bottom == 0 and right == 0:
        return image
    return F.pad(image, (0, right, 0, bottom), mode="replicate")


def at_pixels(maps: Sequence[Tensor], strides: Sequence[int], pixels: Tensor) -> Tensor:
    """The features of one image at (n, 2) pixels (row, col), (n, F), as `logits` interpolates."""
    found = []
    for each, stride in zip(maps, strides, strict=True):
        size = torch.tensor(each.shape[-2:])
        place = ((pixels + 0.5) / stride - 0.5).clamp(min=0).minimum(size - 1)
        low = place.floor().long()
        high = (low + 1).minimum(size - 1)
        down, right = (place - low).to(torch.float32).T
        cells = each[0]
        corners = [
            cells[:, rows, cols].float()
            for rows in (low[:, 0], high[:, 0])
            for cols in (low[:, 1], high[:, 1])
        ]
        top = corners[0].lerp(corners[1], right)
        found.append(top.lerp(corners[2].lerp(corners[3], right), down).T)
    return torch.cat(found, dim=1)
