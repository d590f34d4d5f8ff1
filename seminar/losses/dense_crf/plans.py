"""The part of a filter that depends on the image alone, for a loader to make ahead."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from torch import Tensor

from seminar.losses.dense_crf.lattice import LatticePlan


class NystromPlan(NamedTuple):
    """The image's part of the Nyström filter; shapes are for one image, a batch has N in front.

    A tuple of tensors of fixed shape, so that ``torch.utils.data.default_collate`` makes a batch
    out of single images.

    Attributes
    ----------
    landmarks : Tensor
        (m, C + 2), places in the space of ``pixel_features``.
    factor : Tensor
        (m, m), lower Cholesky factor of the kernel between the landmarks.
    blocks : Tensor
        (B, 256) int32, the pixels of each block; B = 0 unless made on the CPU.
    columns : Tensor
        (B, C + 4, 256), ``exponent_columns`` of those pixels, about the mean of the landmarks.
    lists : Tensor
        (B, m) int16, the landmarks that each block needs, then m as filler.
    widths : Tensor
        (B,) int16, how many of ``lists`` to read; never falls.
    residual : Tensor
        (), share of the kernel's trace that the landmarks miss, in [0, 1].
    roots : Tensor
        (P,), one over the root of how many valid pixels each pixel is like; (0,) where it was not
        asked for.
    """

    landmarks: Tensor
    factor: Tensor
    blocks: Tensor
    columns: Tensor
    lists: Tensor
    widths: Tensor
    residual: Tensor
    roots: Tensor


CrfPlan: TypeAlias = NystromPlan | LatticePlan
