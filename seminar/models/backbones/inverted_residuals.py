"""EfficientNet-Lite0 and MobileNetV2 with timm's names of parameters, but without timm.

Importing timm takes two seconds, most of them torchvision's and torch._dynamo's: as long as all the
rest between opening a project and its first mask. A test holds both networks equal to timm's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from seminar.config.backbones import PyramidName
from seminar.models.backbones.same_padding import SamePadConv2d


@dataclass(frozen=True)
class Stage:
    """Blocks of one width; the first of them has the stride."""

    blocks: int
    kernel: int
    stride: int
    width: int


@dataclass(frozen=True)
class Recipe:
    """A network of inverted residuals.

    Attributes
    ----------
    same : bool
        TensorFlow's padding in strided convolutions, not PyTorch's.
    """

    stages: tuple[Stage, ...]
    eps: float
    same: bool


STEM = 32
EXPANSION = 6
TAPS = (0, 1, 2, 4, 6)
"""Stages whose output is a map: the last ones at strides 2, 4, 8, 16 and 32."""

RECIPES: Mapping[PyramidName, Recipe] = {
    # Tan & Le, ICML 2019; "Lite" (2020) has neither squeeze-and-excitation nor swish
    "efficientnet_lite0": Recipe(
        (
            Stage(1, 3, 1, 16),
            Stage(2, 3, 2, 24),
            Stage(2, 5, 2, 40),
            Stage(3, 3, 2, 80),
            Stage(3, 5, 1, 112),
            Stage(4, 5, 2, 192),
            Stage(1, 3, 1, 320),
        ),
        eps=1e-3,
        same=True,
    ),
    # Sandler et al., CVPR 2018, table 2
    "mobilenet_v2": Recipe(
        (
            Stage(1, 3, 1, 16),
            Stage(2, 3, 2, 24),
            Stage(3, 3, 2, 32),
            Stage(4, 3, 2, 64),
            Stage(3, 3, 1, 96),
            Stage(3, 3, 2, 160),
            Stage(1, 3, 1, 320),
        ),
        eps=1e-5,
        same=False,
    ),
}


class InvertedResiduals(nn.Module):
    """(N, 3, H, W) in; maps at strides 2, 4, 8, 16 and 32 out.

    Attributes
    ----------
    widths : tuple of int
    ends : tuple of str
        Names of the modules whose outputs are the maps.
    """

    ends = tuple(f"blocks.{tap}" for tap in TAPS)

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.conv_stem = _conv(3, STEM, 3, 2, recipe)
        self.bn1 = nn.BatchNorm2d(STEM, recipe.eps)
        width = STEM
        stages = []
        for number, stage in enumerate(recipe.stages):
            blocks = []
            for block in range(stage.blocks):
                stride = stage.stride if block == 0 else 1
                sizes = width, stage.width, stage.kernel, stride, recipe
                blocks.append(Separable(*sizes) if number == 0 else InvertedResidual(*sizes))
                width = stage.width
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.ModuleList(stages)
        self.widths = tuple(recipe.stages[tap].width for tap in TAPS)

    def forward(self, image: Tensor) -> list[Tensor]:
        x = F.relu6(self.bn1(self.conv_stem(image)), inplace=True)  # (N, 32, H/2, W/2)
        maps = []
        for number, stage in enumerate(self.blocks):
            x = stage(x)
            if number in TAPS:
                maps.append(x)
        return maps


class Separable(nn.Module):
    """A depthwise convolution and a linear pointwise one."""

    def __init__(self, width: int, out: int, kernel: int, stride: int, recipe: Recipe) -> None:
        super().__init__()
        self.conv_dw = _conv(width, width, kernel, stride, recipe, groups=width)
        self.bn1 = nn.BatchNorm2d(width, recipe.eps)
        self.conv_pw = nn.Conv2d(width, out, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out, recipe.eps)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = F.relu6(self.bn1(self.conv_dw(x)), inplace=True)
        y = self.bn2(self.conv_pw(y))
        return y


class InvertedResidual(nn.Module):
    """Widen, convolve depthwise, narrow without activation; added to the input of like shape."""

    def __init__(self, width: int, out: int, kernel: int, stride: int, recipe: Recipe) -> None:
        super().__init__()
        wide = width * EXPANSION
        self.conv_pw = nn.Conv2d(width, wide, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide, recipe.eps)
        self.conv_dw = _conv(wide, wide, kernel, stride, recipe, groups=wide)
        self.bn2 = nn.BatchNorm2d(wide, recipe.eps)
        self.conv_pwl = nn.Conv2d(wide, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out, recipe.eps)
        self.residual = stride == 1 and width == out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = F.relu6(self.bn1(self.conv_pw(x)), inplace=True)
        y = F.relu6(self.bn2(self.conv_dw(y)), inplace=True)
        y = self.bn3(self.conv_pwl(y))
        return y.add_(x) if self.residual else y


def _conv(
    width: int, out: int, kernel: int, stride: int, recipe: Recipe, groups: int = 1
) -> nn.Conv2d:
    if recipe.same and stride > 1:
        return SamePadConv2d(width, out, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(width, out, kernel, stride, kernel // 2, groups=groups, bias=False)
