"""Networks of timm, cut to what their maps need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
from torch import Tensor, nn

from seminar.config.backbones import PYRAMIDS, PyramidName

TAPS: Mapping[str, tuple[int, ...]] = {"convnext_tiny": (0, 1, 2, 3), "dinov2_vits14": (3, 7, 11)}
"""Which of timm's intermediate features are the maps; all five of most networks.

Three depths of the transformer: after a third, two thirds and all of its blocks.
"""


class TimmMaps(nn.Module):
    """(N, 3, H, W) in, a map a scale out, by timm's `forward_intermediates`.

    Attributes
    ----------
    bare : nn.Module
        timm's network; its state dict has the names of timm's weights.
    widths : tuple of int
    ends : tuple of str
        Names of the modules whose outputs are the maps.
    """

    def __init__(self, name: PyramidName) -> None:
        super().__init__()
        self.taps = list(TAPS.get(name, range(5)))
        transformer = name == "dinov2_vits14"
        # positions are resized to the grid of the image, and all depths go through the last norm
        create: dict[str, Any] = {"dynamic_img_size": True} if transformer else {}
        self.arguments: dict[str, Any] = {"norm": True} if transformer else {}
        architecture = PYRAMIDS[name].timm_name.split(".")[0]
        bare: Any = timm.create_model(architecture, pretrained=False, num_classes=0, **create)
        bare.prune_intermediate_layers(self.taps, prune_norm=not transformer, prune_head=True)
        self.bare = bare.eval()
        self.ends = tuple(f"bare.{bare.feature_info[tap]['module']}" for tap in self.taps)
        self.widths: tuple[int, ...] = tuple(bare.feature_info[tap]["num_chs"] for tap in self.taps)

    def forward(self, image: Tensor) -> list[Tensor]:
        network: Any = self.bare
        maps: list[Tensor] = network.forward_intermediates(
            image, indices=self.taps, intermediates_only=True, stop_early=True, **self.arguments
        )
        return maps
