"""The energy of the dense CRF and its gradient, from one pass of a filter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seminar.config.settings import CrfMethod, CrfRelaxation
from seminar.losses.dense_crf.checks import check_finite
from seminar.losses.dense_crf.exact import filter_exact
from seminar.losses.dense_crf.features import pixel_features
from seminar.losses.dense_crf.landmarks import plan_nystrom
from seminar.losses.dense_crf.lattice import LatticePlan, filter_lattice, plan_lattice
from seminar.losses.dense_crf.nystrom import filter_nystrom
from seminar.losses.dense_crf.plans import CrfPlan, NystromPlan
from seminar.losses.dense_crf.workspace import for_each_image


@dataclass(frozen=True)
class Request:
    """How the energy is to be computed."""

    sigma_rgb: float
    sigma_xy: float
    method: CrfMethod
    landmarks: int
    is_paper: bool
    normalize: bool
    relaxation: CrfRelaxation


def make_plan(features: Tensor, method: CrfMethod, landmarks: int) -> CrfPlan | None:
    """The plan of a method for features (N, D, P); the exact one needs none."""
    if method == "exact":
        return None
    if method == "lattice":
        return plan_lattice(features)
    return plan_nystrom(features, landmarks)


def inverse_root_degrees(features: Tensor, valid: Tensor | None, plan: CrfPlan | None) -> Tensor:
    """One over the root of how many valid pixels each pixel is like, itself included: (N, 1, P)."""
    with torch.no_grad():
        inside = (
            torch.ones_like(features[:, :1])
            if valid is None
            else valid.flatten(1)[:, None].to(features.dtype)
        )
        degrees = _filter(features, inside, plan, lambda filtered, classes: filtered)
        return degrees.clamp(min=1).rsqrt()


def _filter(
    features: Tensor, values: Tensor, plan: CrfPlan | None, then: Callable[[Tensor, int], Tensor]
) -> Tensor:
    """``then(W values, 1)``, (N, K, P), by the method that the plan is of."""
    if isinstance(plan, NystromPlan):
        return filter_nystrom(features, values, plan, then)
    if isinstance(plan, LatticePlan):
        return then(filter_lattice(values, plan), 1)
    return then(filter_exact(features, values), 1)


class DenseCrfEnergy(torch.autograd.Function):
    """E, not yet scaled, and the plan's residual; its one filter pass also leaves the gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        image: Tensor,
        valid: Tensor | None,
        prepared: CrfPlan | None,
        request: Request,
    ) -> tuple[Tensor, Tensor]:
        values = values.detach()  # worker threads have a gradient mode of their own
        parts = _parts(values, request)

        def work(number: int) -> tuple[Tensor, Tensor, Tensor]:
            part = parts[number]
            inside = None if valid is None else valid[part]
            plan = (
                NystromPlan(*(of[part] for of in prepared))
                if isinstance(prepared, NystromPlan)
                else prepared
            )
            return _energy(values[part], image[part], inside, plan, request)

        energies, slopes, residuals = zip(*for_each_image(work, len(parts)), strict=True)
        residual = torch.cat(residuals)
        ctx.save_for_backward(*slopes)
        ctx.parts = parts
        ctx.mark_non_differentiable(residual)
        return torch.stack(energies).sum(), residual

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        parts, slopes = ctx.parts, ctx.saved_tensors
        gradient = slopes[0].new_empty((sum(map(len, slopes)), *slopes[0].shape[1:]))
        for_each_image(lambda i: torch.mul(slopes[i], 2 * grad, out=gradient[parts[i]]), len(parts))
        return gradient, None, None, None, None


def _parts(values: Tensor, request: Request) -> list[slice]:
    """On the CPU one thread an image: threads that share small operations wait for each other."""
    if values.device.type != "cpu" or request.method == "lattice":
        return [slice(None)]
    return [slice(i, i + 1) for i in range(len(values))]


def _energy(
    values: Tensor, image: Tensor, valid: Tensor | None, plan: CrfPlan | None, request: Request
) -> tuple[Tensor, Tensor, Tensor]:
    """The energy of some images, half its derivative (n, K, P), and their plans' residual (n,)."""
    features = pixel_features(image, request.sigma_rgb, request.sigma_xy)
    if plan is None:
        check_finite(image, "image")
        plan = make_plan(features, request.method, request.landmarks)
    outside = None if valid is None else ~valid.flatten(1)[:, None]
    roots = None
    if isinstance(plan, NystromPlan) and request.normalize and plan.roots.shape[1] > 0:
        roots = plan.roots[:, None]
    elif request.normalize:
        roots = inverse_root_degrees(features, valid, plan)
    if outside is not None:
        values = values.masked_fill(outside, 0)
    if roots is not None:
        values = values * roots

    def contrast(filtered: Tensor, classes: int) -> Tensor:  # half the derivative: t - A, or -A
        return -filtered if request.is_paper else filtered.sum(classes, keepdim=True) - filtered

    if request.relaxation == "quadratic":  # half the derivative: t S - A
        alike = _filter(features, values, plan, lambda filtered, _: filtered)
        slope = alike.sum(1, keepdim=True) * (values if roots is None else values / roots) - alike
    else:
        slope = _filter(features, values, plan, contrast)
    energy = torch.linalg.vecdot(values, slope).sum()  # 0 outside of the mask, as values are
    if roots is not None:
        slope = slope * roots
    if outside is not None:
        slope = slope.masked_fill(outside, 0)
    return energy, slope, plan.residual if isinstance(plan, NystromPlan) else values.new_empty(0)
