"""Cut a long side into overlapping tiles, with the weight of each tile where they overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

STRIDE = 16
"""Output stride of the networks that are trained."""


@dataclass(frozen=True, eq=False)
class Span:
    """One tile along one axis.

    Attributes
    ----------
    start, stop : int
        Pixels of the image.
    weights : ndarray, (stop - start,) float32
        Weight of the tile at each pixel. The weights of all tiles at a pixel sum to 1.
    """

    start: int
    stop: int
    weights: npt.NDArray[np.float32]


def plan(length: int, *, tile_size: int, overlap: int, stride: int = STRIDE) -> tuple[Span, ...]:
    """Cut `length` pixels into tiles of at most `tile_size` px with `overlap` px in common.

    A side that fits is one tile. Where two tiles overlap, the outermost quarter of the overlap is
    ignored, since the network lacks context there; the inner half is blended linearly. So tiled and
    untiled prediction agree wherever the network looks no further than a quarter of the overlap.
    All tiles but the last have one size, which is as small as their number and overlap allow.

    Parameters
    ----------
    tile_size, overlap : int
        Multiples of `stride`, overlap at most half the tile.
    stride : int
        Tiles start at multiples of it, on the feature grid of the whole image.
    """
    if tile_size % stride or overlap % stride or not 0 <= 2 * overlap <= tile_size:
        raise ValueError(
            f"expected multiples of {stride} with an overlap of at most half the tile, got "
            f"tile_size {tile_size}, overlap {overlap}"
        )
    if length <= tile_size:
        return (Span(0, length, np.ones(length, dtype=np.float32)),)
    number = math.ceil((length - overlap) / (tile_size - overlap))
    size = math.ceil((length + (number - 1) * overlap) / number / stride) * stride
    size = max(size, 2 * overlap)  # else three tiles would have a pixel in common
    step = size - overlap
    number = math.ceil((length - overlap) / step)
    rising = _rising(overlap)
    spans = []
    for index in range(number):
        start, stop = index * step, min(index * step + size, length)
        weights = np.ones(stop - start, dtype=np.float32)
        if overlap and index > 0:
            weights[:overlap] = rising
        if overlap and index < number - 1:
            weights[-overlap:] = 1 - rising
        spans.append(Span(start, stop, weights))
    return tuple(spans)


def _rising(overlap: int) -> npt.NDArray[np.float32]:
    margin = overlap // 4
    ramp = overlap - 2 * margin
    inner = (np.arange(ramp, dtype=np.float32) + 0.5) / max(ramp, 1)
    return np.concatenate([np.zeros(margin, np.float32), inner, np.ones(margin, np.float32)])
