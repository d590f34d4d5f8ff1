"""TensorFlow's "same" padding, for images whose sides are multiples of the strides."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SamePadConv2d(nn.Conv2d):
    """A convolution that pads as TensorFlow does, on sides that are multiples of its stride.

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
