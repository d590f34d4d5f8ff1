"""Frozen backbones as pyramids: image in, one map a scale out; and where each cell looks.

The padding of a strided convolution is one-sided: at stride 32 the centre of cell 0 is at pixel 0
under PyTorch's and at pixel 31 under TensorFlow's, not in the middle of its 32 pixels. So it is
with random weights. Training undoes up to nine tenths of it, as cells that cover the picture evenly
see most of it. A place belongs to weights, not to an architecture. Measured with timm 1.0.31, the
centroid of the squared gradient of cell i with respect to the image, in pixels from i * stride:

========================  =========  =================================  =========================
network                   padding    random weights                     trained weights
========================  =========  =================================  =========================
EfficientNet-Lite0        "same"     1, 3, 7, 15, 31                    0.7, 2.5, 3.6, 9.6, 17.4
MobileNetV2 (TensorFlow)  "same"     1, 3, 7, 15, 31                    0.5, 2.3, 5.8, 11.2, 20.2
MobileNetV2, mirrored     symmetric  0, 0, 0, 0, 0                      0.5, 0.5, 1.5, 4.4, 8.7
ResNet-20, -56 (CIFAR)    symmetric  0, 0, 0 (strides 1, 2, 4)          0.2, 0.4, 0.5
MobileNetV4, ResNet-50    symmetric  0, 0, 0, 0, 0                      not measured
ConvNeXt                  patches    1.5, 3.5, 7.5, 15.5                the same, by symmetry
DINOv2                    patches    6.5                                the same, by symmetry
middle of the cell                   0.5, 1.5, 3.5, 7.5, 15.5
========================  =========  =================================  =========================

Where a patch of the picture is exchanged, the centroid of the change agrees (Lite0: 0.9, 2.5, 3.3,
9.2, 16.6; MobileNetV2: 0.5, 2.2, 5.5, 9.2, 19.9), and a linear probe is best there: mean IoU on ccp
.395 with the places of random weights, .443 with the middles, .445 with the measured ones (camvid
.419, .451, .453; histology .708, .730, .731; fluorescence .622, .650, .656). A network under
symmetric padding is the mirror image of one under TensorFlow's, and pictures are mirrored in
training: hence the third row. So `seminar.models.probe` takes each cell for a look at its middle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seminar.config.backbones import PYRAMIDS, PyramidName
from seminar.errors import ConfigError
from seminar.models.backbones.channels import rgb_shares
from seminar.models.backbones.folding import fold_batch_norm
from seminar.models.backbones.inverted_residuals import RECIPES, InvertedResiduals
from seminar.models.backbones.pyramid_weights import load_pyramid_weights

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class Layout:
    """The geometry of a network and its pixels.

    Attributes
    ----------
    strides : tuple of int
        Of its maps, in pixels.
    mean_std : pair of tuples
        Of the pixels (on 0..1) that the network was trained on.
    """

    strides: tuple[int, ...]
    mean_std: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET


FIVE = (2, 4, 8, 16, 32)

LAYOUTS: Mapping[PyramidName, Layout] = {
    "efficientnet_lite0": Layout(FIVE, HALF),
    "mobilenetv4_conv_small": Layout(FIVE),
    "mobilenet_v2": Layout(FIVE),
    "resnet50": Layout(FIVE),
    "resnet101": Layout(FIVE),
    "convnext_tiny": Layout(FIVE[1:]),
    "dinov2_vits14": Layout((14, 14, 14)),
}


class Pyramid(nn.Module):
    """(N, C, H, W) float on 0..255 in, one (N, widths[i], H / strides[i], W / strides[i]) a scale
    out, fine ones first.

    Height and width must be multiples of `multiple`. Other numbers of channels than three are mixed
    to RGB by `rgb_shares`.

    Attributes
    ----------
    strides, widths : tuple of int
    multiple : int
    """

    mean: Tensor
    std: Tensor
    shares: Tensor

    def __init__(
        self, network: nn.Module, widths: tuple[int, ...], layout: Layout, *, channels: int
    ) -> None:
        super().__init__()
        self.network = network
        self.channels = channels
        self.widths = widths
        self.strides = layout.strides
        self.multiple = max(layout.strides)
        for name, values in zip(("mean", "std"), layout.mean_std, strict=True):
            pixel = 255 * torch.tensor(values)[None, :, None, None]
            self.register_buffer(name, pixel, persistent=False)
        shares = rgb_shares(channels)[:, :, None, None]
        self.register_buffer("shares", shares, persistent=False)
        self.requires_grad_(False).eval()

    def deep_parameters(self) -> list[nn.Parameter]:
        """Those that come after the first half of the maps, in the order of the layers."""
        network: Any = self.network
        end = network.ends[(len(network.ends) + 1) // 2 - 1]
        names = [name for name, _ in network.named_parameters()]
        last = max(number for number, name in enumerate(names) if name.startswith(f"{end}."))
        return list(network.parameters())[last + 1 :]

    def forward(self, image: Tensor) -> list[Tensor]:
        height, width = image.shape[-2:]
        if height % self.multiple or width % self.multiple:
            raise ValueError(
                f"expected sides in multiples of {self.multiple}, not {height}x{width}"
            )
        rgb = image if self.channels == 3 else F.conv2d(image, self.shares)
        normal = (rgb - self.mean) / self.std  # (N, 3, H, W)
        if normal.device.type == "cpu":  # a third less time in EfficientNet-Lite0
            normal = normal.contiguous(memory_format=torch.channels_last)
        maps: list[Tensor] = self.network(normal)
        return maps


def build_pyramid(name: PyramidName, *, weights: str, channels: int) -> Pyramid:
    """A frozen backbone, in eval mode, with its batch norms folded into the convolutions.

    Parameters
    ----------
    weights : str
        "imagenet" or "pretrained": timm's, downloaded once (`PYRAMIDS` has their licences); "none":
        random ones, for a network whose state is loaded next; or a file with timm's state dict.
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
    network: Any
    if name in RECIPES:
        network = bare = InvertedResiduals(RECIPES[name])
    else:
        from seminar.models.backbones.timm_maps import TimmMaps  # two seconds

        network = TimmMaps(name)
        bare = network.bare
    load_pyramid_weights(bare, name, weights)
    fold_batch_norm(network)
    return Pyramid(network, network.widths, LAYOUTS[name], channels=channels)
