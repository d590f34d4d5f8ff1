"""Features of whole images, in patches where they are large, and at single pixels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seminar.models.probe import Maps, ProbeNetwork, at_pixels

WHOLE_SIDE = 2048
"""Images up to this side, in pixels, are one patch."""

CORE, HALO = 1536, 320
"""Side of a patch of a larger image, and how much of its surroundings the network sees with it:
features of EfficientNet-Lite0 differ by 1 % beyond 304 px from a border, at its coarsest scale.
"""


@dataclass(frozen=True, eq=False)
class Patch:
    """A part of an image and its features.

    Attributes
    ----------
    core : (slice, slice)
        Rows and columns of the image that this patch answers for.
    window : (slice, slice)
        Rows and columns that its maps cover.
    maps : list of (1, width, h, w) float16
    """

    core: tuple[slice, slice]
    window: tuple[slice, slice]
    maps: Maps

    @property
    def nbytes(self) -> int:
        """Bytes of its maps."""
        return sum(each.nbytes for each in self.maps)


def patches_of(network: ProbeNetwork, image: npt.NDArray[np.float32]) -> Iterator[Patch]:
    """The features of (C, H, W) float32 on 0..255, patch by patch."""
    device = network.bias.device
    rows, cols = (_spans(side, network.multiple) for side in image.shape[1:])
    for (row, row_window), (col, col_window) in itertools.product(rows, cols):
        part = torch.from_numpy(np.ascontiguousarray(image[:, row_window, col_window]))
        with torch.inference_mode():
            maps = [each.half().cpu() for each in network.each_map(part[None].to(device))]
        yield Patch((row, col), (row_window, col_window), maps)


def _spans(side: int, stride: int) -> list[tuple[slice, slice]]:
    """(core, window) of the patches along one side; windows start at multiples of `stride`."""
    if side <= WHOLE_SIDE:
        return [(slice(0, side), slice(0, side))]
    core, halo = (-(-size // stride) * stride for size in (CORE, HALO))
    return [
        (slice(start, min(start + core, side)), slice(max(0, start - halo), start + core + halo))
        for start in range(0, side, core)
    ]


def features_at(
    network: ProbeNetwork, patches: Sequence[Patch], pixels: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """(n, F) features at (n, 2) pixels (row, col) of the image."""
    found = np.zeros((len(pixels), sum(network.widths)), dtype=np.float32)
    for patch in patches:
        (row, col), (row_window, col_window) = patch.core, patch.window
        inside = (pixels[:, 0] >= row.start) & (pixels[:, 0] < row.stop)
        inside &= (pixels[:, 1] >= col.start) & (pixels[:, 1] < col.stop)
        if inside.any():
            places = torch.from_numpy(pixels[inside] - (row_window.start, col_window.start))
            found[inside] = at_pixels(patch.maps, network.strides, places).numpy()
    return found


def logits_of(
    network: ProbeNetwork, patch: Patch, classes: npt.NDArray[np.integer] | None = None
) -> Tensor:
    """(K, h, w) logits of the pixels in the patch's core.

    Of these `classes` alone, those of the second to last one less that of the first, (P - 1, h, w):
    of two classes that is half of the work.
    """
    rows, cols = patch.window
    height = patch.core[0].stop - rows.start
    width = patch.core[1].stop - cols.start
    with torch.inference_mode():
        maps = [each.to(network.bias.device) for each in patch.maps]
        logits = network.logits(maps, (height, width), classes)[0]
    return logits[:, patch.core[0].start - rows.start :, patch.core[1].start - cols.start :].cpu()
