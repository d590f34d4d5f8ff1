"""torchvision's ImageNet classifiers as feature extractors at strides 2, 4 and 16."""

from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision import models as tv
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.ops.misc import FrozenBatchNorm2d

from seminar.config.settings import Backbone, Norm
from seminar.errors import CheckpointError, SeminarError
from seminar.io.archives import check_archive

GROUP_CHANNELS = 8
"""GroupNorm's groups have this many channels (fewer where the number does not divide)."""

DAMAGE = (
    RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile, OSError, EOFError, ValueError, LookupError, AttributeError,
    TypeError, AssertionError, NotImplementedError, MemoryError, zlib.error, struct.error,
)  # fmt: skip
"""What zipfile and torch.load raise on damaged or hostile files."""

NormLayer = Callable[[int], nn.Module]


@dataclass(frozen=True)
class Features:
    """What the decoder needs to know of a backbone.

    Attributes
    ----------
    half, quarter, deep : int
        Channels at strides 2, 4 and 16.
    light : bool
        Whether the head should be narrow with separable convolutions, to match a mobile network.
    """

    half: int
    quarter: int
    deep: int
    light: bool


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm in place of a batch norm: independent of the batch, right for small batches of
    small crops.
    """
    groups = max(1, channels // GROUP_CHANNELS)
    while channels % groups:
        groups -= 1
    return nn.GroupNorm(groups, channels)


def build_backbone(
    name: Backbone, *, norm: Norm, weights: str, channels: int, load: bool = True
) -> tuple[nn.Module, Features]:
    """A feature extractor and its channels.

    The module maps (N, `channels`, H, W), normalised, to a dict of "half", "quarter" and "deep".

    Parameters
    ----------
    norm : {"group", "batch"}
        "group" freezes the batch norms of a pretrained backbone and folds them into the
        convolutions (same function, a third less memory traffic), and puts GroupNorm in their place
        in an untrained one; "batch" keeps plain batch norm.
    weights : str
        "imagenet", "none" or the path of a state dict.
    load : bool
        False leaves the weights as they are, for a network whose trained state comes next.
    """
    layer: NormLayer = nn.BatchNorm2d
    if norm == "group":
        layer = group_norm if weights == "none" else FrozenBatchNorm2d
    if name in ("resnet50", "resnet101"):
        network = getattr(tv, name)(
            norm_layer=layer, replace_stride_with_dilation=[False, False, True]
        )
        first, attribute = network, "conv1"
        nodes = {"relu": "half", "layer1": "quarter", "layer4": "deep"}
        features = Features(64, 256, 2048, light=False)
    elif name == "mobilenet_v2":
        network = tv.mobilenet_v2(norm_layer=layer)
        _dilate(network.features[14:])
        first, attribute = network.features[0], "0"
        last, deep = ("features.13", 96) if norm == "group" else ("features.17", 320)
        nodes = {"features.1": "half", "features.3": "quarter", last: "deep"}
        features = Features(16, 24, deep, light=True)
    else:
        network = tv.mobilenet_v3_large(norm_layer=layer, dilated=True)
        first, attribute = network.features[0], "0"
        nodes = {"features.1": "half", "features.3": "quarter", "features.15": "deep"}
        features = Features(16, 24, 160, light=True)
    if load:
        load_weights(network, name, weights)
    if layer is FrozenBatchNorm2d:
        _fold_batch_norm(network)
    adapt_first_conv(first, attribute, channels)
    return create_feature_extractor(network, nodes), features


def load_weights(network: nn.Module, name: Backbone, weights: str) -> None:
    """Fill a torchvision classifier with start weights: "imagenet" (downloaded once), "none" or a
    file.

    Raises
    ------
    CheckpointError
        Offline, not a state dict, or the weights of another network.
    """
    if weights == "none":
        return
    if weights == "imagenet":
        entry = tv.get_model_weights(name).DEFAULT
        try:
            state = entry.get_state_dict(progress=True, check_hash=True)
        except (URLError, OSError, RuntimeError) as error:
            raise CheckpointError(
                f"weights 'imagenet' of {name}: the download from {entry.url} failed ({error}); go"
                " online once, give a file with --weights FILE, or start without with --weights"
                " none"
            ) from None
    else:
        state = read_state_dict(Path(weights))
    known = network.state_dict()
    misfit = [
        key for key, value in known.items() if key not in state or state[key].shape != value.shape
    ]
    misfit = [key for key in misfit if not key.startswith(("classifier", "fc."))]
    if misfit:
        raise CheckpointError(
            f"weights '{weights}': expected a torchvision {name}, but {len(misfit)} of its"
            f" {len(known)} tensors are missing or of another shape, first {misfit[0]}; give the"
            " weights of that network or another --backbone"
        )
    network.load_state_dict(
        {key: state[key] for key in known if key in state and state[key].shape == known[key].shape},
        strict=False,
    )


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """A state dict from a file, loaded with `weights_only=True`."""
    try:
        if zipfile.is_zipfile(path):
            check_archive(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except SeminarError as error:
        raise CheckpointError(f"weights {error}") from None
    except FileNotFoundError:
        raise CheckpointError(
            f"weights '{path}': no such file; give imagenet, none or a file"
        ) from None
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"weights '{path}': not a readable weights file ({reason[:120]}); download it again"
        ) from None
    if not isinstance(state, dict) or not all(
        isinstance(value, Tensor) for value in state.values()
    ):
        raise CheckpointError(
            f"weights '{path}': expected a state dict of tensors; give a torchvision state dict"
        )
    return state


def adapt_first_conv(parent: nn.Module, attribute: str, channels: int) -> None:
    """Give the first convolution `channels` inputs instead of 3, keeping what it has learnt.

    One channel gets the sum of the RGB filters (the same as repeating the grey image); n channels
    repeat them, scaled to the same gain.
    """
    conv: Any = getattr(parent, attribute)
    if channels == 3:
        return
    weight = conv.weight.detach()
    repeated = weight[:, [index % 3 for index in range(channels)]] * (3 / channels)
    if channels == 1:
        repeated = weight.sum(dim=1, keepdim=True)
    new = nn.Conv2d(
        channels,
        conv.out_channels,
        conv.kernel_size,
        conv.stride,
        conv.padding,
        bias=conv.bias is not None,
    )
    new.weight = nn.Parameter(repeated.clone())
    if conv.bias is not None:
        new.bias = nn.Parameter(conv.bias.detach().clone())
    setattr(parent, attribute, new)


def _dilate(blocks: nn.Module) -> None:
    """Trade the stride of the blocks for dilation 2 in all their 3x3 convolutions (output stride
    32 becomes 16).
    """
    for module in blocks.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            strided = module.stride == (2, 2)
            module.stride = (1, 1)
            if not strided:
                module.dilation = module.padding = (2, 2)


def _fold_batch_norm(module: nn.Module) -> None:
    """Merge each frozen batch norm into the convolution before it."""
    children = list(module.named_children())
    for (_, conv), (norm_name, norm) in pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, FrozenBatchNorm2d):
            weight, bias = fuse_conv_bn_weights(
                conv.weight,
                conv.bias,
                norm.running_mean,
                norm.running_var,
                norm.eps,
                norm.weight,
                norm.bias,
            )
            conv.weight, conv.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
            setattr(module, norm_name, nn.Identity())
    for _, child in children:
        _fold_batch_norm(child)
