"""Frozen backbones from timm as pyramids: image in, one map a scale out.

A feature is only useful where it is known where it looks. `Padding` says it for each family, and
tests hold it: the centroid of the gradient of a cell with respect to the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from seminar.config.backbones import PYRAMIDS, PyramidName
from seminar.errors import ConfigError
from seminar.models.backbones.pyramid_weights import load_pyramid_weights

Padding = Literal["symmetric", "same", "patches"]
"""How a family pads where it strides, hence where the centre of cell 0 is at stride s, in pixels.

"symmetric" (PyTorch's): 0. "same" (TensorFlow's, on sizes that are multiples of the last stride,
where all padding of a strided layer falls right and bottom): s - 1. "patches" (kernel = stride, no
padding): (s - 1) / 2.
"""

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class Layout:
    """What the code has to know of a network.

    Attributes
    ----------
    architecture : str
        timm's name.
    taps : tuple of int
        Which of timm's intermediate features are used.
    strides : tuple of int
        Theirs, in pixels.
    mean, std : tuple of float
        Of the pixels (on 0..1) that the network was trained on.
    """

    architecture: str
    strides: tuple[int, ...]
    padding: Padding
    taps: tuple[int, ...] = (0, 1, 2, 3, 4)
    mean_std: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET

    @property
    def first(self) -> tuple[float, ...]:
        """Place in pixels of the centre of cell 0 at each scale."""
        places = {"symmetric": 0.0, "same": 1.0, "patches": 0.5}
        return tuple(places[self.padding] * (stride - 1) for stride in self.strides)


FIVE = (2, 4, 8, 16, 32)

LAYOUTS: Mapping[PyramidName, Layout] = {
    "efficientnet_lite0": Layout("tf_efficientnet_lite0", FIVE, "same", mean_std=HALF),
    "mobilenetv4_conv_small": Layout("mobilenetv4_conv_small", FIVE, "symmetric"),
    "mobilenet_v2": Layout("mobilenetv2_100", FIVE, "symmetric"),
    "resnet50": Layout("resnet50", FIVE, "symmetric"),
    "resnet101": Layout("resnet101", FIVE, "symmetric"),
    "convnext_tiny": Layout("convnext_tiny", FIVE[1:], "patches", taps=(0, 1, 2, 3)),
    "dinov2_vits14": Layout(
        "vit_small_patch14_reg4_dinov2", (14, 14, 14), "patches", taps=(3, 7, 11)
    ),
}


class Pyramid(nn.Module):
    """(N, C, H, W) float on 0..255 in, one (N, widths[i], H / strides[i], W / strides[i]) a scale
    out, fine ones first.

    Height and width must be multiples of `multiple`. With other numbers of channels than three the
    network sees their mean as a grey picture: the same as giving each channel the sum of the RGB
    filters over their number.

    Attributes
    ----------
    strides, widths : tuple of int
    first : tuple of float
        Cell i of a map lies at pixel `first` + i * stride.
    multiple : int
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, layout: Layout, *, channels: int) -> None:
        super().__init__()
        self.network = network
        self.channels = channels
        self.taps = list(layout.taps)
        self.strides = layout.strides
        self.first = layout.first
        self.multiple = max(layout.strides)
        info: Any = network.feature_info
        self.widths: tuple[int, ...] = tuple(info[tap]["num_chs"] for tap in layout.taps)
        self.transformer = hasattr(network, "patch_embed")
        for name, values in zip(("mean", "std"), layout.mean_std, strict=True):
            pixel = 255 * torch.tensor(values)[None, :, None, None]
            self.register_buffer(name, pixel, persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        height, width = image.shape[-2:]
        if height % self.multiple or width % self.multiple:
            raise ValueError(
                f"expected sides in multiples of {self.multiple}, not {height}x{width}"
            )
        grey_or_rgb = image if self.channels == 3 else image.mean(dim=1, keepdim=True)
        normal = (grey_or_rgb - self.mean) / self.std  # (N, 3, H, W)
        norm = {"norm": True} if self.transformer else {}
        network: Any = self.network
        maps: list[Tensor] = network.forward_intermediates(
            normal, indices=self.taps, intermediates_only=True, stop_early=True, **norm
        )
        return maps


def build_pyramid(name: PyramidName, *, weights: str, channels: int) -> Pyramid:
    """A frozen backbone, in eval mode, with its batch norms folded into the convolutions.

    Parameters
    ----------
    weights : str
        "imagenet" or "pretrained": timm's, downloaded once (`PYRAMIDS` has their licences); "none":
        random ones, for a network whose state is loaded next; or a state dict of timm's network.
    channels : int
        Of the images.

    Raises
    ------
    ConfigError
        The backbone is not in the table.
    CheckpointError
        Offline, not a state dict, or the weights of another network.
    """
    if name not in LAYOUTS:
        raise ConfigError(
            f"backbone {name!r} is not one of {', '.join(PYRAMIDS)}; other networks of timm are "
            "left out: their padding and the licence of their weights are not known here"
        )
    import timm  # two seconds, most of them torchvision's

    layout = LAYOUTS[name]
    sizes: dict[str, Any] = {"dynamic_img_size": True} if name == "dinov2_vits14" else {}
    network: Any = timm.create_model(layout.architecture, pretrained=False, num_classes=0, **sizes)
    network.prune_intermediate_layers(list(layout.taps), prune_norm=not sizes, prune_head=True)
    load_pyramid_weights(network, name, weights)
    fold_batch_norm(network)
    pad_by_constants(network)
    return Pyramid(network, layout, channels=channels)


def fold_batch_norm(module: nn.Module) -> None:
    """Merge each batch norm, in eval mode, into the convolution before it; its activation stays."""
    children = list(module.named_children())
    for (_, conv), (norm_name, norm) in pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            weight, bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics)  # type: ignore[arg-type]
            conv.weight, conv.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
            setattr(module, norm_name, getattr(norm, "act", nn.Identity()))
    for _, child in children:
        fold_batch_norm(child)


class SamePadConv2d(nn.Conv2d):
    """TensorFlow's "same" convolution on sizes that are multiples of the stride.

    There the padding does not depend on the size; timm's own computes it anew at every call, which
    an export cannot follow.
    """

    def forward(self, input: Tensor) -> Tensor:
        sides = []
        for kernel, stride in zip(self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max(kernel - stride, 0)
            sides += [total // 2, total - total // 2]
        convolved: Tensor = self._conv_forward(F.pad(input, sides), self.weight, self.bias)
        return convolved


def pad_by_constants(network: nn.Module) -> None:
    """Turn timm's convolutions with TensorFlow's padding into `SamePadConv2d`."""
    for module in network.modules():
        if type(module).__name__ == "Conv2dSame":
            module.__class__ = SamePadConv2d
