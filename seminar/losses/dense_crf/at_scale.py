"""The dense-CRF loss at a lower resolution than the crop's, as Tang et al. 2018 compute it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from seminar.config.settings import Convention, CrfMethod, CrfRelaxation
from seminar.losses.dense_crf.checks import LandmarkWarning
from seminar.losses.dense_crf.loss import dense_crf, prepare_dense_crf
from seminar.losses.dense_crf.plans import NystromPlan


def dense_crf_at_scale(
    probs: Tensor,
    image: Tensor,
    valid: Tensor,
    *,
    scale: float,
    sigma_rgb: float,
    sigma_xy: float,
    method: CrfMethod,
    landmarks: int,
    convention: Convention,
    normalize: bool,
    relaxation: CrfRelaxation,
    prepared: NystromPlan | None = None,
) -> Tensor:
    """`dense_crf` of crops that are resized by `scale` first.

    Probabilities are resized bilinearly, colours by area and the mask by nearest neighbour.

    Parameters
    ----------
    probs : Tensor, (N, K, H, W) float
    image : Tensor, (N, C, H, W) float on 0..255
    valid : Tensor, (N, H, W) bool
    sigma_rgb : float
        For three channels; see `_for_channels`.
    sigma_xy : float
        In pixels of the crop.
    prepared : NystromPlan, optional
        From `prepare_at_scale`, for the same crops and settings.

    Returns
    -------
    Tensor, scalar
    """
    low, low_valid = _resized(image, valid, scale)
    with warnings.catch_warnings():
        # on noisy crops even a rough kernel regularises
        warnings.simplefilter("ignore", LandmarkWarning)
        return dense_crf(
            F.interpolate(probs, size=low.shape[-2:], mode="bilinear", align_corners=False),
            low,
            valid=low_valid,
            sigma_rgb=_for_channels(sigma_rgb, image.shape[1]),
            sigma_xy=sigma_xy * scale,
            method=method,
            landmarks=landmarks,
            convention=convention,
            normalize=normalize,
            relaxation=relaxation,
            prepared=prepared,
        )


def prepare_at_scale(
    image: Tensor,
    valid: Tensor,
    *,
    scale: float,
    sigma_rgb: float,
    sigma_xy: float,
    landmarks: int,
    normalize: bool,
) -> NystromPlan:
    """Prepare the part of `dense_crf_at_scale`'s Nyström method that depends on the crops alone."""
    low, low_valid = _resized(image, valid, scale)
    plan = prepare_dense_crf(
        low,
        valid=low_valid,
        sigma_rgb=_for_channels(sigma_rgb, image.shape[1]),
        sigma_xy=sigma_xy * scale,
        landmarks=landmarks,
        normalize=normalize,
    )
    assert isinstance(plan, NystromPlan)
    return plan


def valid_at_scale(valid: Tensor, scale: float) -> Tensor:
    """The mask (N, H, W) bool at the resolution of the loss."""
    size = _low_size(valid.shape[-2:], scale)
    return F.interpolate(valid[:, None].float(), size=size, mode="nearest")[:, 0] > 0.5


def _resized(image: Tensor, valid: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    size = _low_size(image.shape[-2:], scale)
    return F.interpolate(image.float(), size=size, mode="area"), valid_at_scale(valid, scale)


def _low_size(size: Sequence[int], scale: float) -> list[int]:
    return [max(1, round(side * scale)) for side in size]


def _for_channels(sigma_rgb: float, channels: int) -> float:
    """Scale sigma_rgb by the root of the number of channels; a grey image equals its RGB copy."""
    return sigma_rgb * math.sqrt(channels / 3)
