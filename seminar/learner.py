"""What learns in a stage: student, teacher and optimiser, one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seminar import devices
from seminar.config import TrainConfig
from seminar.dataset import Batch
from seminar.ema import make_teacher
from seminar.errors import SeminarError
from seminar.labels import IGNORE_INDEX
from seminar.models.deeplab import DeepLabV3Plus
from seminar.objectives import Losses

Objective = Callable[[nn.Module, nn.Module, Batch], Losses]
"""(student, teacher, batch) to losses."""

DIVERGED = "the run diverged: choose a smaller --base-lr, and look for broken images (seminar check); the last checkpoint is kept"


class Learner:
    """A student that takes optimiser steps, and its teacher that follows.

    Attributes
    ----------
    student, teacher : Module
    iteration : int
        Optimiser steps done.
    part_size : int
        Crops that go through the network at once; smaller than the batch after memory ran out.
    """

    def __init__(self, student: DeepLabV3Plus, config: TrainConfig, device: torch.device) -> None:
        self.device = device
        memory_format = torch.channels_last if device.type != "mps" else torch.contiguous_format
        self.student = student.to(device, memory_format=memory_format).train()  # type: ignore[call-overload]
        self.teacher = make_teacher(self.student, config.ema_decay)
        self.iteration = 0
        self.part_size = config.batch_size
        self._head_lr_factor = config.head_lr_factor
        self._optimizer = _optimizer(self.student, config)

    def step(self, batch: Batch, objective: Objective, lr: float) -> Mapping[str, float]:
        """One optimiser step and the teacher's update; returns the unweighted loss terms and "total".

        Where memory runs out, the batch goes through in smaller parts whose gradients are added up, which leaves the step as it was
        (but for plain batch norm's statistics); `part_size` tells.

        Raises
        ------
        SeminarError
            Memory runs out with a single crop, or a loss is not finite; student and teacher are then as before the step.
        """
        for group, factor in zip(self._optimizer.param_groups, (1.0, self._head_lr_factor), strict=True):
            group["lr"] = lr * factor
        while True:
            try:
                values = self._gradients(batch.to(self.device), objective)
                break
            except ValueError as error:  # dense_crf refuses probabilities that are not finite
                raise SeminarError(f"iteration {self.iteration}: {error}; {DIVERGED}") from None
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
            if self.part_size == 1:
                raise SeminarError(
                    f"iteration {self.iteration}: memory ran out with a single crop of {batch.image.shape[-1]} px; "
                    "choose a smaller --crop-size or another --device"
                )
            self.part_size = (self.part_size + 1) // 2
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        bad = [name for name, value in values.items() if not abs(value) < float("inf")]
        if bad:
            raise SeminarError(f"iteration {self.iteration}: loss term {bad[0]} is {values[bad[0]]}; {DIVERGED}")
        self._optimizer.step()
        self.teacher.update_parameters(self.student)
        self.iteration += 1
        return values

    def _gradients(self, batch: Batch, objective: Objective) -> dict[str, float]:
        """Fill the gradients of the whole batch, part by part; returns the terms' values."""
        self._optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for start in range(0, len(batch), self.part_size):
            part = batch.part(start, start + self.part_size)
            with devices.mixed_precision(self.device):
                losses = objective(self.student, self.teacher, part)
            shares = {name: _share(name, part, batch) for name in losses.terms}
            total = losses.total(shares)
            total.backward()
            for name, term in {**losses.terms, "total": total}.items():
                value = term.detach() * shares.get(name, 1.0)
                sums[name] = sums[name] + value if name in sums else value
        values = torch.stack(list(sums.values())).tolist()
        return dict(zip(sums, values, strict=True))

    def state(self) -> dict[str, Any]:
        """All that `restore` needs to go on as if nothing had happened.

        Raises
        ------
        SeminarError
            A weight is not finite: such a state is not worth keeping.
        """
        if not all(bool(parameter.isfinite().all()) for parameter in self.student.parameters()):
            raise SeminarError(f"iteration {self.iteration}: the network's weights are not finite; {DIVERGED}")
        return {
            "iteration": self.iteration,
            "part_size": self.part_size,
            "student": self.student.state_dict(),
            "teacher": self.teacher.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.student.load_state_dict(state["student"])
        self.teacher.load_state_dict(state["teacher"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.iteration = state["iteration"]
        self.part_size = state["part_size"]


def _optimizer(student: DeepLabV3Plus, config: TrainConfig) -> torch.optim.Optimizer:
    """Two parameter groups, backbone and head; `Learner.step` sets their learning rates."""
    groups: Any = [
        {"params": [parameter for parameter in student.backbone.parameters() if parameter.requires_grad]},
        {"params": student.head_parameters()},
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.base_lr, momentum=config.momentum, weight_decay=config.weight_decay)
    return torch.optim.AdamW(groups, lr=config.base_lr, weight_decay=config.weight_decay, foreach=True)


def _share(term: str, part: Batch, batch: Batch) -> Tensor | float:
    """What a part's mean counts for in the batch's mean: labelled pixels for the clicks, valid pixels for the rest."""
    if len(part) == len(batch):
        return 1.0
    if term in ("pce", "full"):
        return (part.labels != IGNORE_INDEX).sum() / (batch.labels != IGNORE_INDEX).sum().clamp(min=1)
    return part.valid.sum() / batch.valid.sum().clamp(min=1)
