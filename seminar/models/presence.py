"""Which classes an image shows, told from the image as a whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seminar.models.probe import Maps

DEEP = 16
"""Maps from this stride on say what an image shows."""

SHARE, LEAST = 0.5, 0.01
"""The logits of a class get `SHARE` times the logarithm of its probability to be there, and that
is at least `LEAST`: a class that is surely absent loses 2.3."""

SURE = 30.0
"""Score of a class that every image shows."""


class Presence(nn.Module):
    """What to add to the logits of each class, as the image as a whole shows it or not.

    A pixel of a dark, furry thing is a cat's or a dog's; a look at the whole image often tells. So
    networks for semantic segmentation with few labels use labels of whole images (Papandreou et
    al. 2015), which the clicks of an image are. It is fitted by `seminar.probe.presence`, and
    learns no further; it starts with all classes present, which adds nothing. A departure from the
    paper.

    Parameters
    ----------
    strides, widths : sequence of int
        Of the maps that are given to `forward`.
    """

    def __init__(self, strides: Sequence[int], widths: Sequence[int], *, num_classes: int) -> None:
        super().__init__()
        self._deep = tuple(each for each, stride in enumerate(strides) if stride >= DEEP)
        size = 2 * sum(widths[each] for each in self._deep)
        self.register_buffer("weight", torch.zeros(num_classes, size))
        self.register_buffer("bias", torch.full((num_classes,), SURE))

    def forward(self, maps: Maps) -> Tensor:
        """(N, K, 1, 1) of (N, width, h, w) maps."""
        scores = F.linear(self.summary(maps), self.weight, self.bias)  # type: ignore[arg-type]
        added: Tensor = SHARE * F.logsigmoid(scores).clamp(min=math.log(LEAST))
        return added[:, :, None, None]

    def summary(self, maps: Maps) -> Tensor:
        """(N, F) float32: mean and standard deviation of the deep maps over the image."""
        found = []
        for each in (maps[number].detach().float() for number in self._deep):
            mean = each.mean(dim=(2, 3), keepdim=True)
            found += [mean, (each - mean).square().mean(dim=(2, 3), keepdim=True).sqrt()]
        return torch.cat(found, dim=1).flatten(1)

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *others: Any
    ) -> None:
        """Networks that were saved before it was there have all classes present."""
        own = {prefix + name: value for name, value in self.named_buffers()}
        super()._load_from_state_dict({**own, **state_dict}, prefix, *others)
