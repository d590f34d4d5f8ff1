"""Batch norms that no longer learn, merged into the convolutions before them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def fold_batch_norm(module: nn.Module) -> None:
    """Merge each batch norm, in eval mode or frozen, into the convolution before it.

    The function stays the same; there is less memory traffic. timm's norms have an activation
    inside, which stays in their place.
    """
    children = list(module.named_children())
    for (_, conv), (norm_name, norm) in pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(getattr(norm, "running_mean", None), Tensor):
            folded: Any = norm
            statistics = folded.running_mean, folded.running_var, folded.eps
            affine = folded.weight, folded.bias
            weight, bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics, *affine)
            conv.weight, conv.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
            setattr(module, norm_name, getattr(norm, "act", nn.Identity()))
    for _, child in children:
        fold_batch_norm(child)
