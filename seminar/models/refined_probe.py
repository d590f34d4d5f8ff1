"""A linear probe that a decoder corrects: the network that starts at the probe."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seminar.models.backbones.extractor import Features
from seminar.models.decoder import Decoder, resized
from seminar.models.presence import Presence
from seminar.models.probe import Maps, ProbeNetwork

TAPS: Mapping[str, int] = {"quarter": 4, "deep": 16}
"""Strides of the decoder's inputs."""


class RefinedProbe(nn.Module):
    """Image in, logits out: those of a linear probe, what the image as a whole says of the classes,
    and those of a DeepLabv3+ decoder, added up.

    The input is (N, C, H, W) float on 0..255, the output (N, K, H, W) logits. The decoder's last
    layer starts at zero, so that before its first step the network is the probe: it has nothing to
    unlearn, and the teacher has something to teach from the start. A departure from the paper,
    whose decoder starts at random.

    Parameters
    ----------
    probe : ProbeNetwork
        Its 1 x 1 convolutions learn on, and so do the deep layers of its backbone.
    light : bool
        Whether the decoder is narrow, to match a mobile backbone.

    Attributes
    ----------
    multiple, tile_size, overlap : int
        Of the probe.
    """

    def __init__(self, probe: ProbeNetwork, *, num_classes: int, light: bool) -> None:
        super().__init__()
        self.probe = probe
        self.multiple = probe.multiple
        self.tile_size, self.overlap = probe.tile_size, probe.overlap
        self.presence = Presence(probe.strides, probe.widths, num_classes=num_classes)
        self._taps = {name: _sources(probe, stride) for name, stride in TAPS.items()}
        widths = {
            name: sum(probe.widths[source] for source in sources)
            for name, sources in self._taps.items()
        }
        self.decoder = Decoder(
            Features(half=0, **widths, light=light),
            num_classes=num_classes,
            group=True,
            width=64 if light else 128,
        )
        for parameter in self.decoder.classify.parameters():
            nn.init.zeros_(parameter)
        for parameter in itertools.chain(*self.parameter_groups().values()):
            parameter.requires_grad_(True)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        maps = self.probe.maps(image)
        logits: Tensor = self.probe.logits(maps, (height, width)) + self.presence(maps)
        whole = tuple(-(-side // self.multiple) * self.multiple for side in (height, width))
        taps = {
            name: _joined(maps, sources, [side // TAPS[name] for side in whole])
            for name, sources in self._taps.items()
        }
        correction = self.decoder.decode(taps, (whole[0], whole[1]))
        return logits + correction[:, :, :height, :width]

    @property
    def num_classes(self) -> int:
        return len(self.probe.bias)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """The parameters that learn, of "backbone", "head" and "probe".

        Of the backbone its deep layers do: the others are general, and their backward pass is most
        of the time of a step.
        """
        streams: Any = self.probe.streams
        return {
            "backbone": streams[1].deep_parameters() if len(streams) > 1 else [],
            "head": list(self.decoder.parameters()),
            "probe": [*self.probe.heads, self.probe.bias],
        }


def _sources(probe: ProbeNetwork, stride: int) -> list[int]:
    """Indices of the maps that the decoder gets at a stride.

    Those of the backbone with that stride (at the deepest, of all that are as deep), else of the
    filters.
    """
    deepest = stride == max(TAPS.values())
    first = len(probe.streams[0].strides)  # type: ignore[arg-type]
    of_backbone = range(first, len(probe.strides))
    found = [
        each
        for each in of_backbone
        if probe.strides[each] == stride or (deepest and probe.strides[each] > stride // 2)
    ]
    return found or [each for each in range(first) if probe.strides[each] == stride]


def _joined(maps: Maps, sources: Sequence[int], size: Sequence[int]) -> Tensor:
    """Maps (N, width, h, w) as one of this size."""
    parts = [
        each if each.shape[-2:] == tuple(size) else resized(each, tuple(size))
        for each in (maps[source] for source in sources)
    ]
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
