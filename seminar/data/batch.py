"""Training crops, alone and stacked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from seminar.losses.dense_crf import NystromPlan


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One crop."""

    image: Tensor
    """(C, S, S) float32 on 0..255: what the teacher and the CRF see."""
    student_image: Tensor
    """(C, S, S) float32 on 0..255: the same crop, or a stronger view of it."""
    labels: Tensor
    """(S, S) int64: clicks (or dense truth), 255 elsewhere."""
    valid: Tensor
    """(S, S) bool: False on padding."""
    absent: Tensor
    """(K,) bool: classes without a click in the whole image."""
    pseudo_labels: Tensor
    """(S, S) int64 from a folder, or empty."""
    objectness: Tensor
    """(S, S) float32 on 0..1 from a folder, or empty."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Samples stacked: every field of `Sample` with a leading N, and the plan of the CRF."""

    image: Tensor
    student_image: Tensor
    labels: Tensor
    valid: Tensor
    absent: Tensor
    pseudo_labels: Tensor
    objectness: Tensor = field(default_factory=lambda: torch.zeros(0))
    crf_plan: NystromPlan | None = None
    """Part of the CRF that depends on the crops alone, where it was made ahead."""

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Batch:
        """Stack samples."""
        stacked: dict[str, Any] = {
            field.name: torch.stack([getattr(sample, field.name) for sample in samples])
            for field in fields(Sample)
        }
        return cls(**stacked)

    def __len__(self) -> int:
        return len(self.image)

    def to(self, device: torch.device) -> Batch:
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def part(self, start: int, stop: int) -> Batch:
        """Samples `start` to `stop`, as a batch of its own."""
        return self._map(lambda tensor: tensor[start:stop])

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        tensors: dict[str, Any] = {
            field.name: change(getattr(self, field.name)) for field in fields(Sample)
        }
        plan = None if self.crf_plan is None else NystromPlan(*map(change, self.crf_plan))
        return Batch(**tensors, crf_plan=plan)
