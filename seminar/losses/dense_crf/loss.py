"""The dense-CRF loss: pixels of like colour nearby should be of one class."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seminar.losses.dense_crf.checks import check_finite, check_plan, check_request, check_shapes, warn_if_too_few
from seminar.losses.dense_crf.exact import filter_exact
from seminar.losses.dense_crf.features import pixel_features
from seminar.losses.dense_crf.landmarks import NystromPlan, plan_nystrom
from seminar.losses.dense_crf.lattice import LatticePlan, filter_lattice, plan_lattice
from seminar.losses.dense_crf.nystrom import filter_nystrom

CrfMethod: TypeAlias = Literal["nystrom", "exact", "lattice"]
CrfPlan: TypeAlias = NystromPlan | LatticePlan

_TANG_WEIGHT = 2e-9  # the loss weight of Tang et al.'s own training script, which their equation does not show


def dense_crf(
    probs: Tensor,
    image: Tensor,
    *,
    sigma_rgb: float = 15.0,
    sigma_xy: float = 100.0,
    valid: Tensor | None = None,
    method: CrfMethod = "nystrom",
    landmarks: int = 256,
    prepared: CrfPlan | None = None,
    convention: Literal["scale_free", "paper"] = "scale_free",
    normalize: bool = False,
) -> Tensor:
    r"""Charge every pair of pixels that is alike in colour and place for being given to different classes.

    .. math:: E = \sum_k S_k^T W (\textstyle\sum_j S_j - S_k), \quad W_{pq} = \exp(-|f_p - f_q|^2 / 2),

    f = (colour / sigma_rgb, place / sigma_xy), over the P valid pixels: Tang et al., On Regularized Losses for
    Weakly-supervised CNN Segmentation, ECCV 2018 (arXiv:1803.09569), eq. 4. Where the classes of a pixel add up to 1
    this is their S^T W (1 - S). One filter pass ``A = W S`` gives the value, :math:`\sum S (t - A)` with
    :math:`t = \sum_k A_k`, and its derivative :math:`2 (t - A)`, W being symmetric; through a softmax that is the same
    as the :math:`t - 2 A` of the other way of writing it.

    ==============  ==========================================  ==================================================
    convention      value                                       for
    ==============  ==========================================  ==================================================
    ``scale_free``  ``E / (P 2 pi sigma_xy^2)``                 all new work
    ``paper``       ``-2e-9 / N * sum_k S_k^T W S_k``           repeating Tang et al. with their weight left at 1
    ==============  ==========================================  ==================================================

    The scale-free value is the mean over pixels of the chance that a neighbour is of another class, times the share of
    the neighbourhood that is alike: in [0, 1], whatever the batch, the number of classes, the crop and the resolution
    (with sigma_xy scaled along). Without a mask the paper's gradient is the scale-free one times
    ``2e-9 * H * W * 2 pi sigma_xy^2``, and where the classes add up to 1 its value is that multiple of the scale-free
    value, less a constant. Their published numbers also contain the lattice's bias: ``method="lattice"``.

    Parameters
    ----------
    probs
        (N, K, H, W), softmax output at the resolution at which the loss is to be computed.
    image
        (N, C, H, W), any number of channels, on the 0..255 scale, same H and W. It gets no gradient.
    sigma_rgb
        Width of the kernel in colour, in units of ``image``. 15 is Tang et al.'s.
    sigma_xy
        Width of the kernel in place, in pixels *at this resolution*. Tang et al. use 100 on 513 pixels.
    valid
        (N, H, W) bool; pixels outside take no part and get no gradient. With none inside, loss and gradient are 0.
    method
        ``nystrom``: through landmarks, any device (``nystrom.py``). ``exact``: every pair (``exact.py``).
        ``lattice``: Tang et al.'s approximation, bias included (``lattice.py``).
    landmarks
        Of the Nyström method; 256 is 3 % off on photographs, 512 is 1 % off, at twice the time.
    prepared
        From :func:`prepare_dense_crf`, for the same image and sigmas, to save making it here.
    convention
        See above.
    normalize
        Use :math:`D^{-1/2} W D^{-1/2}` with the degrees :math:`D = \mathrm{diag}(W 1)` in place of W, and divide by P alone
        (Krähenbühl and Koltun, ICML 2013, normalise their kernels so; a departure from Tang et al.). Without it a pixel counts
        by how many pixels are like it, so that a large even background eats into the rims of small objects. One more filter pass.

    Returns
    -------
    Tensor
        Scalar, float64 for float64 ``probs``, else float32, computed outside autocast.

    Raises
    ------
    ValueError
        Shapes that do not fit, a setting out of its range, or a value that is not finite. The last is looked for on
        the CPU alone, since looking would stall a GPU: there a NaN that goes in comes out as a loss of NaN.

    Warns
    -----
    LandmarkWarning
        The landmarks are too few for this image. On the CPU alone, likewise.
    """
    check_request(sigma_rgb, sigma_xy, landmarks, method, convention, normalize)
    check_shapes(probs, image, valid)
    batch, _, height, width = probs.shape
    with torch.autocast(probs.device.type, enabled=False):
        dtype = torch.float64 if probs.dtype == torch.float64 else torch.float32
        values = probs.to(dtype).flatten(2)
        area = 2 * math.pi * sigma_xy**2
        if valid is None:
            scale = values.new_full((), 1 / (batch * height * width * area))
        else:
            inside = valid.flatten(1)
            values = torch.where(inside[:, None], values, 0)
            scale = 1 / (inside.sum().clamp(min=1).to(dtype) * area)
        if convention == "paper":
            scale = values.new_full((), _TANG_WEIGHT / batch)
        features = pixel_features(image.detach().to(dtype), sigma_rgb, sigma_xy)
        if prepared is None:
            check_finite(image, "image")
            prepared = _plan(features, method, landmarks)
        else:
            prepared = check_plan(prepared, method, features)
        if isinstance(prepared, NystromPlan):
            warn_if_too_few(prepared.residual, prepared.landmarks.shape[1])
        if normalize:
            if isinstance(prepared, NystromPlan) and prepared.roots.shape[1] > 0:
                roots = prepared.roots[:, None]
            else:
                roots = _inverse_root_degrees(features, valid, prepared)
            values = values * roots
            scale = scale * area
        loss: Tensor = _DenseCrf.apply(values, features, prepared, scale, convention == "paper")
        if loss.device.type == "cpu" and not math.isfinite(loss.item()):
            check_finite(image, "image")
            check_finite(values, "probs")
    return loss


def prepare_dense_crf(
    image: Tensor,
    *,
    sigma_rgb: float = 15.0,
    sigma_xy: float = 100.0,
    valid: Tensor | None = None,
    method: Literal["nystrom", "lattice"] = "nystrom",
    landmarks: int = 256,
    normalize: bool = False,
) -> CrfPlan:
    """Do ahead, in a loader's thread, say, the part of :func:`dense_crf` that does not depend on ``probs``.

    Parameters
    ----------
    image
        (C, H, W), or (N, C, H, W) for a batch, on the 0..255 scale, at the resolution of the loss.
    sigma_rgb, sigma_xy, method, landmarks, normalize
        As the loss will be called. With ``normalize`` a Nyström plan has the degrees, too, one of the two filter passes.
    valid
        (H, W), or (N, H, W), bool. Only the degrees depend on it.

    Returns
    -------
    NystromPlan or LatticePlan
        Tensors. Nyström plans of single images become a batch by ``torch.utils.data.default_collate``, lattices by
        ``join_lattices``. A Nyström plan holds 2.7 MB an image of 256 x 256, and is for the CPU if made there (and for
        a GPU wherever it was made).
    """
    check_request(sigma_rgb, sigma_xy, landmarks, method, "scale_free", False)
    if image.dim() not in (3, 4):
        raise ValueError(f"image should be (C, H, W) or (N, C, H, W), not {tuple(image.shape)}; add the missing axes")
    check_finite(image, "image")
    one = image.dim() == 3
    batch = image[None] if one else image
    dtype = torch.float64 if image.dtype == torch.float64 else torch.float32
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        features = pixel_features(batch.to(dtype), sigma_rgb, sigma_xy)
        plan = _plan(features, method, landmarks)
        if normalize and isinstance(plan, NystromPlan):
            inside = valid[None] if one and valid is not None else valid
            plan = plan._replace(roots=_inverse_root_degrees(features, inside, plan)[:, 0])
    if one and isinstance(plan, NystromPlan):
        return NystromPlan(*(part[0] for part in plan))
    assert plan is not None
    return plan


def _plan(features: Tensor, method: CrfMethod, landmarks: int) -> CrfPlan | None:
    if method == "exact":
        return None
    if method == "lattice":
        return plan_lattice(features)
    return plan_nystrom(features, landmarks)


def _inverse_root_degrees(features: Tensor, valid: Tensor | None, plan: CrfPlan | None) -> Tensor:
    """(N, 1, P): one over the root of how many valid pixels each pixel is like, itself included (so at least 1)."""
    with torch.no_grad():
        inside = torch.ones_like(features[:, :1]) if valid is None else valid.flatten(1)[:, None].to(features.dtype)
        degrees = _filter(features, inside, plan, lambda filtered, classes: filtered)
        return degrees.clamp(min=1).rsqrt()


def _filter(features: Tensor, values: Tensor, plan: CrfPlan | None, then: Callable[[Tensor, int], Tensor]) -> Tensor:
    """``then(W values, 1)``, (N, K, P), by the method that the plan is of."""
    if isinstance(plan, NystromPlan):
        return filter_nystrom(features, values, plan, then)
    if isinstance(plan, LatticePlan):
        return then(filter_lattice(values, plan), 1)
    return then(filter_exact(features, values), 1)


class _DenseCrf(torch.autograd.Function):
    """E from one filter pass, which leaves the gradient behind."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, features: Tensor, plan: CrfPlan | None, scale: Tensor, paper: bool) -> Tensor:
        values = values.detach()  # worker threads have a gradient mode of their own

        def contrast(filtered: Tensor, classes: int) -> Tensor:  # half the derivative: t - A, or -A
            return (-filtered if paper else filtered.sum(classes, keepdim=True) - filtered) * scale

        slope = _filter(features, values, plan, contrast)  # (N, K, P)
        ctx.save_for_backward(slope)
        energies: Tensor = torch.linalg.vecdot(values, slope)  # (N, K)
        return energies.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (slope,) = ctx.saved_tensors
        return slope * (2 * grad), None, None, None, None
