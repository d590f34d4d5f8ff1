"""Checks of the input of the dense-CRF loss, each with a sentence for what is wrong."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor

from seminar.losses.dense_crf.plans import CrfPlan, NystromPlan

RESIDUAL_LIMIT = 0.5  # measured in benchmarks/crf.md: beyond it photographs are more than 10 % off


class LandmarkWarning(UserWarning):
    """The landmarks are too few for the colours and places of an image; the loss is inaccurate."""


def check_request(
    sigma_rgb: float,
    sigma_xy: float,
    landmarks: int,
    method: str,
    convention: str,
    normalize: bool,
    relaxation: str,
) -> None:
    """Raise ValueError if a setting is out of its range."""
    for name, sigma in (("sigma_rgb", sigma_rgb), ("sigma_xy", sigma_xy)):
        if not 0 < sigma < float("inf"):
            raise ValueError(
                f"{name} should be a positive number, not {sigma}; the paper has 15 (colour) and "
                "100 px"
            )
    if landmarks < 1:
        raise ValueError(f"landmarks should be at least 1, not {landmarks}; 256 suits photographs")
    if method not in ("nystrom", "exact", "lattice"):
        raise ValueError(
            f"method should be 'nystrom', 'exact' or 'lattice', not {method!r}; choose one of them"
        )
    if convention not in ("scale_free", "paper"):
        raise ValueError(
            f"convention should be 'scale_free' or 'paper', not {convention!r}; choose one of them"
        )
    if relaxation not in ("bilinear", "quadratic"):
        raise ValueError(
            f"relaxation should be 'bilinear' or 'quadratic', not {relaxation!r}; choose one of "
            "them"
        )
    if relaxation != "bilinear" and convention == "paper":
        raise ValueError(
            "the paper's convention is bilinear; leave relaxation at that, or use "
            "convention='scale_free'"
        )
    if normalize and convention == "paper":
        raise ValueError(
            "normalize is no part of the paper's convention; leave it off, or use "
            "convention='scale_free'"
        )


def check_shapes(probs: Tensor, image: Tensor, valid: Tensor | None) -> None:
    """Raise ValueError if the three tensors do not belong together."""
    if probs.dim() != 4 or not probs.is_floating_point():
        raise ValueError(
            f"probs should be floating point (N, K, H, W), not {probs.dtype} {tuple(probs.shape)}; "
            "pass the softmax output"
        )
    expected = (probs.shape[0], *probs.shape[2:])
    if image.dim() != 4 or (image.shape[0], *image.shape[2:]) != expected:
        raise ValueError(
            f"image should be (N, C, H, W) = ({expected[0]}, C, {expected[1]}, {expected[2]}) like "
            f"probs, not {tuple(image.shape)}; resize it to the resolution of probs"
        )
    if probs.numel() == 0 or image.numel() == 0:
        raise ValueError(
            f"probs and image should not be empty, but are {tuple(probs.shape)} and "
            f"{tuple(image.shape)}"
        )
    if valid is not None and (valid.dtype != torch.bool or valid.shape != expected):
        raise ValueError(
            f"valid should be bool (N, H, W) = {expected}, not {valid.dtype} {tuple(valid.shape)}; "
            "resize it by nearest neighbour and compare with 0"
        )
    for name, tensor in (("image", image), ("valid", valid)):
        if tensor is not None and tensor.device != probs.device:
            raise ValueError(
                f"{name} is on {tensor.device} but probs on {probs.device}; move one to the other"
            )


def check_finite(tensor: Tensor, name: str) -> None:
    """Raise ValueError if ``tensor`` holds a NaN or an infinity.

    On a GPU, where looking would stall, do nothing.
    """
    if (
        tensor.device.type != "cpu"
        or not tensor.is_floating_point()
        or math.isfinite(tensor.sum().item())
    ):
        return  # a sum is several times as fast as looking at each
    bad = int((~torch.isfinite(tensor)).sum())
    if bad:
        raise ValueError(
            f"{name} should be finite, but {bad} of its {tensor.numel()} values are NaN or "
            "infinite; look at the step before"
        )


def check_plan(plan: CrfPlan, method: str, image: Tensor, dtype: torch.dtype) -> CrfPlan:
    """Return the plan in ``dtype``; ValueError if it is of another image (N, C, H, W) or method."""
    batch, dims, pixels = image.shape[0], image.shape[1] + 2, image.shape[2] * image.shape[3]
    if isinstance(plan, NystromPlan):
        made_for = "nystrom", plan.landmarks.shape[0], plan.landmarks.shape[-1]
        fits = plan.landmarks.dim() == 3 and (
            image.device.type != "cpu" or 0 <= plan.blocks[0].numel() - pixels < 256
        )
        plan = NystromPlan(*(part.to(dtype) if part.is_floating_point() else part for part in plan))
    else:
        made_for = "lattice", plan.corners.shape[0], plan.corners.shape[1] - 1
        fits = plan.corners.shape[-1] == pixels
        plan = plan._replace(weights=plan.weights.to(dtype))
    if not fits or made_for != (method, batch, dims):
        raise ValueError(
            f"prepared should be for method {method!r} and {batch} images of {dims - 2} channels "
            f"and {pixels} pixels, but was made otherwise ({made_for[0]}, {made_for[1]} images, "
            f"{made_for[2] - 2} channels); prepare the same images"
        )
    return plan


def warn_if_too_few(residual: Tensor, landmarks: int) -> None:
    """Warn on the CPU if any image's residual (N,) is large; looking would stall a GPU."""
    if residual.device.type != "cpu" or not residual.numel():
        return
    worst = float(residual.max())
    if worst > RESIDUAL_LIMIT:
        warnings.warn(
            f"{landmarks} landmarks miss {worst:.0%} of the dense-CRF kernel of this image (up to "
            f"{RESIDUAL_LIMIT:.0%} is fine); double them, enlarge sigma_rgb, or smooth a noisy "
            "image",
            LandmarkWarning,
            stacklevel=3,
        )
