"""The dense-CRF loss: similar pixels nearby should have the same class."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from seminar.config.settings import Convention, CrfMethod, CrfRelaxation
from seminar.losses.dense_crf.checks import (
    check_finite,
    check_plan,
    check_request,
    check_shapes,
    warn_if_too_few,
)
from seminar.losses.dense_crf.energy import (
    DenseCrfEnergy,
    Request,
    inverse_root_degrees,
    make_plan,
)
from seminar.losses.dense_crf.features import pixel_features
from seminar.losses.dense_crf.plans import CrfPlan, NystromPlan

# the loss weight of Tang et al.'s own training script, which their equation does not show
_TANG_WEIGHT = 2e-9


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
    convention: Convention = "scale_free",
    normalize: bool = False,
    relaxation: CrfRelaxation = "bilinear",
) -> Tensor:
    r"""Penalise pairs of pixels of similar colour and place that get different classes.

    .. math:: E = \sum_k S_k^T W (\textstyle\sum_j S_j - S_k), \quad W_{pq} = \exp(-|f_p - f_q|^2 /
    2),

    f = (colour / sigma_rgb, place / sigma_xy), over the P valid pixels: Tang et al., On Regularized
    Losses for Weakly-supervised CNN Segmentation, ECCV 2018 (arXiv:1803.09569), eq. 4. Where the
    classes of a pixel add up to 1 this is their S^T W (1 - S). One filter pass ``A = W S`` gives
    the value, :math:`\sum S (t - A)` with :math:`t = \sum_k A_k`, and its derivative :math:`2 (t -
    A)`, W being symmetric; through a softmax that is the same as the :math:`t - 2 A` of the other
    way of writing it.

    ==============  ==================================  =========================================
    convention      value                               for
    ==============  ==================================  =========================================
    ``scale_free``  ``E / (P 2 pi sigma_xy^2)``         all new work
    ``paper``       ``-2e-9 / N * sum_k S_k^T W S_k``   repeating Tang et al. with their weight 1
    ==============  ==================================  =========================================

    The scale-free value is the mean over pixels of the chance that a neighbour is of another class,
    times the share of the neighbourhood that is alike: in [0, 1], whatever the batch, the number of
    classes, the crop and the resolution (with sigma_xy scaled along). Without a mask the paper's
    gradient is the scale-free one times ``2e-9 * H * W * 2 pi sigma_xy^2``, and where the classes
    add up to 1 its value is that multiple of the scale-free value, less a constant. Their published
    numbers also contain the lattice's bias: ``method="lattice"``.

    Parameters
    ----------
    probs
        (N, K, H, W), softmax output at the resolution at which the loss is to be computed.
    image
        (N, C, H, W), any number of channels, on the 0..255 scale, same H and W. It gets no
        gradient.
    sigma_rgb
        Width of the kernel in colour, in units of ``image``. 15 is Tang et al.'s.
    sigma_xy
        Width of the kernel in place, in pixels *at this resolution*. Tang et al. use 100 on 513
        pixels.
    valid
        (N, H, W) bool; pixels outside take no part and get no gradient. With none inside, loss and
        gradient are 0.
    method
        ``nystrom``: through landmarks, any device (``nystrom.py``). ``exact``: every pair
        (``exact.py``). ``lattice``: Tang et al.'s approximation, bias included (``lattice.py``).
    landmarks
        Of the Nyström method; 256 is 3 % off on photographs, 512 is 1 % off, at twice the time.
    prepared
        From :func:`prepare_dense_crf`, for the same image and sigmas, to save making it here.
    convention
        See above.
    normalize
        Use :math:`D^{-1/2} W D^{-1/2}` with the degrees :math:`D = \mathrm{diag}(W 1)` in place of
        W, and divide by P alone (Krähenbühl and Koltun, ICML 2013, normalise their kernels so; a
        departure from Tang et al.). Without it the weight of a pixel grows with the number of
        similar pixels, so that a large even background erodes small objects. One more filter pass.
    relaxation
        The energy of probabilities, which is defined for whole classes alone. ``bilinear``: the
        equation above. A pair in an even region costs :math:`S (1 - S)`, so its pixels are also
        pushed to the class that leads. ``quadratic``: :math:`\sum_k S_k^T (D - W) S_k`, half of
        :math:`\sum W_{pq} |S_p - S_q|^2`, which only makes similar pixels agree (a departure from
        Tang et al.); for many classes, where the lead in the first steps is chance. Needs classes
        that add up to 1.

    Returns
    -------
    Tensor
        Scalar, float64 for float64 ``probs``, else float32, computed outside autocast.

    Raises
    ------
    ValueError
        Shapes that do not fit, a setting out of its range, or a value that is not finite. The last
        is looked for on the CPU alone, since looking would stall a GPU: there a NaN that goes in
        comes out as a loss of NaN.

    Warns
    -----
    LandmarkWarning
        The landmarks are too few for this image. On the CPU alone, likewise.
    """
    check_request(sigma_rgb, sigma_xy, landmarks, method, convention, normalize, relaxation)
    check_shapes(probs, image, valid)
    request = Request(
        sigma_rgb, sigma_xy, method, landmarks, convention == "paper", normalize, relaxation
    )
    with torch.autocast(probs.device.type, enabled=False):
        dtype = torch.float64 if probs.dtype == torch.float64 else torch.float32
        if prepared is not None:
            prepared = check_plan(prepared, method, image, dtype)
        values = probs.to(dtype).flatten(2)
        energy, residual = DenseCrfEnergy.apply(
            values, image.detach().to(dtype), valid, prepared, request
        )
        loss: Tensor = energy * _scale(values, valid, request)
        warn_if_too_few(residual, landmarks if prepared is None else prepared[0].shape[1])
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
    """Make the part of :func:`dense_crf` that does not depend on ``probs``, for a loader.

    Parameters
    ----------
    image
        (C, H, W), or (N, C, H, W) for a batch, on the 0..255 scale, at the resolution of the loss.
    sigma_rgb, sigma_xy, method, landmarks, normalize
        As the loss will be called. With ``normalize`` a Nyström plan has the degrees, too, one of
        the two filter passes.
    valid
        (H, W), or (N, H, W), bool. Only the degrees depend on it.

    Returns
    -------
    NystromPlan or LatticePlan
        Tensors. Nyström plans of single images become a batch by
        ``torch.utils.data.default_collate``, lattices by ``join_lattices``. A Nyström plan holds
        2.7 MB an image of 256 x 256, and is for the CPU if made there (and for a GPU wherever it
        was made).
    """
    check_request(sigma_rgb, sigma_xy, landmarks, method, "scale_free", False, "bilinear")
    if image.dim() not in (3, 4):
        raise ValueError(
            f"image should be (C, H, W) or (N, C, H, W), not {tuple(image.shape)}; add the missing "
            "axes"
        )
    check_finite(image, "image")
    one = image.dim() == 3
    batch = image[None] if one else image
    dtype = torch.float64 if image.dtype == torch.float64 else torch.float32
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        features = pixel_features(batch.to(dtype), sigma_rgb, sigma_xy)
        plan = make_plan(features, method, landmarks)
        if normalize and isinstance(plan, NystromPlan):
            inside = valid[None] if one and valid is not None else valid
            plan = plan._replace(roots=inverse_root_degrees(features, inside, plan)[:, 0])
    if one and isinstance(plan, NystromPlan):
        return NystromPlan(*(part[0] for part in plan))
    assert plan is not None
    return plan


def _scale(values: Tensor, valid: Tensor | None, request: Request) -> Tensor | float:
    """The factor of the energy in its convention."""
    batch, _, pixels = values.shape
    if request.is_paper:
        return _TANG_WEIGHT / batch
    area = 1.0 if request.normalize else 2 * math.pi * request.sigma_xy**2
    if valid is None:
        return 1 / (batch * pixels * area)
    return 1 / (valid.sum().clamp(min=1).to(values.dtype) * area)
