"""The teacher: a moving average of the student."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def ema_share(iteration: int, ema_decay: float) -> float:
    """Share of the old teacher kept at `iteration` (from 1): min(1 - 1/t, ema_decay), eq. 1.

    The first steps are plain averages of all students so far: the teacher forgets its random start
    at once. `make_teacher` counts a start that is worth remembering as several students.
    """
    return min(1 - 1 / iteration, ema_decay)


def make_teacher(student: nn.Module, ema_decay: float, *, worth: int = 0) -> AveragedModel:
    """A teacher that starts with the student's weights and follows them as a moving average.

    teacher = a * teacher + (1 - a) * student (eq. 1; Tarvainen and Valpola 2017). Call
    `teacher.update_parameters(student)` after every optimiser step; the count of steps is part of
    its state dict. Floating buffers (batch norm's statistics) are averaged too, integer ones
    copied. The teacher is in eval mode, which the paper leaves open.

    Parameters
    ----------
    worth : int
        As how many students the start counts in the average; 0 forgets it in the first step.
    """

    @torch.no_grad()
    def average(
        old: tuple[Tensor, ...] | list[Tensor],
        new: tuple[Tensor, ...] | list[Tensor],
        updates: Tensor | int,
    ) -> None:
        if old[0].is_floating_point():
            torch._foreach_lerp_(old, new, 1 - ema_share(int(updates) + 1, ema_decay))
        else:
            torch._foreach_copy_(old, new)

    teacher = AveragedModel(student, multi_avg_fn=average, use_buffers=True)
    teacher.n_averaged.fill_(worth)
    return teacher.requires_grad_(False).eval()
