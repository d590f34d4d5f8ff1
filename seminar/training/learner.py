"""Student, teacher and optimiser of a stage, one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seminar.config.settings import TrainConfig
from seminar.data.batch import Batch
from seminar.errors import CheckpointError, SeminarError
from seminar.models.build_network import Network
from seminar.models.decoder import CropDropout
from seminar.models.deeplab import DeepLabV3Plus
from seminar.models.ema import make_teacher
from seminar.models.refined_probe import RefinedProbe
from seminar.runtime import devices
from seminar.runtime.distributed import ALONE, Ranks
from seminar.training.objectives import Losses, counted, share
from seminar.training.schedules import backbone_share

Objective = Callable[[nn.Module, nn.Module, Batch], Losses]
"""(student, teacher, batch) to losses."""

Labelling = Callable[[Batch], Batch]
"""Adds pseudo-labels to a batch, or nothing."""

START_WORTH = 5
"""As how many students a start at the probe counts in the teacher."""

PROBE_LR_FACTOR = 0.1
"""Rate of the probe's convolutions as a multiple of base_lr."""

DIVERGED = (
    "the run diverged: choose a smaller --base-lr, and look for broken images (seminar check); the "
    "last checkpoint is kept"
)


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

    def __init__(
        self,
        student: Network,
        config: TrainConfig,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        self.device = device
        self._config, self._ranks = config, ranks
        if ranks.size > 1 and isinstance(student, DeepLabV3Plus) and config.norm == "batch":
            student = _with_shared_statistics(student, device)
        layout = torch.channels_last if device.type != "mps" else torch.contiguous_format
        self.student = student.to(device).to(memory_format=layout).train()
        worth = START_WORTH if isinstance(student, RefinedProbe) else 0
        self.teacher = make_teacher(self.student, config.ema_decay, worth=worth)
        self.iteration = 0
        self.part_size = -(-config.batch_size // ranks.size)
        ranks.copy_from_first(self.student)
        ranks.copy_from_first(self.teacher)
        self._optimizer = _optimizer(self.student, config)
        share = backbone_share(
            student.num_classes,
            by_classes=config.lr_by_classes,
            pretrained=config.weights != "none",
        )
        # from the probe of many classes there is little to gain and much to lose
        whole = share if isinstance(student, RefinedProbe) else 1.0
        self._lr_factors = {
            "backbone": whole * share,
            "head": whole * config.head_lr_factor,
            "probe": whole * PROBE_LR_FACTOR,
        }

    def networks(self) -> dict[str, nn.Module]:
        """Student and teacher by name."""
        return {"student": self.student, "teacher": self.teacher.module}

    def step(
        self, batch: Batch, objective: Objective, lr: float, label: Labelling = lambda batch: batch
    ) -> Mapping[str, float]:
        """One optimiser step and teacher update; returns the unweighted loss terms and "total".

        Of several processes each takes its own crops of the batch (`Ranks.share`), and all take the
        same step. Where memory runs out, the batch goes through in smaller parts whose gradients
        are added up, which leaves the step as it was (but for plain batch norm's statistics), and
        `part_size` shrinks.

        Raises
        ------
        SeminarError
            Memory runs out with a single crop, or a loss is not finite; student and teacher are
            then as before the step.
        """
        groups = zip(self.student.parameter_groups(), self._optimizer.param_groups, strict=True)
        for name, group in groups:
            group["lr"] = lr * self._lr_factors[name]
        while True:
            try:
                values = self._gradients(batch, objective, label)
                break
            except ValueError as error:  # dense_crf refuses probabilities that are not finite
                raise SeminarError(f"iteration {self.iteration}: {error}; {DIVERGED}") from None
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
                devices.avoid_failed_onednn(error)
            if self.part_size == 1:
                raise SeminarError(
                    f"iteration {self.iteration}: memory ran out with a single crop of "
                    f"{batch.image.shape[-1]} px; choose a smaller --crop-size or another --device"
                )
            self.part_size = (self.part_size + 1) // 2
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        bad = [name for name, value in values.items() if not abs(value) < float("inf")]
        if bad:
            raise SeminarError(
                f"iteration {self.iteration}: loss term {bad[0]} is {values[bad[0]]}; {DIVERGED}"
            )
        self._optimizer.step()
        self.teacher.update_parameters(self.student)
        self.iteration += 1
        return values

    def _gradients(self, batch: Batch, objective: Objective, label: Labelling) -> dict[str, float]:
        """Fill the gradients of the whole batch, part by part; returns the values of the terms."""
        ranks, config = self._ranks, self._config
        self._optimizer.zero_grad(set_to_none=True)
        with ranks.together():
            batch = batch.to(self.device)
            starts = range(0, len(batch), self.part_size)
            with devices.mixed_precision(self.device):
                parts = [label(batch.part(start, start + self.part_size)) for start in starts]
            counts = [counted(part, config.crf_scale) for part in parts]
        whole = ranks.sum(torch.stack(counts).sum(dim=0))
        is_whole = len(parts) == 1 and ranks.size == 1
        sums: dict[str, Tensor] = {}
        with ranks.together():
            for start, part, count in zip(starts, parts, counts, strict=True):
                first = None if is_whole else ranks.share(config.batch_size).start + start
                self._place_dropout(first)
                with devices.mixed_precision(self.device):
                    losses = objective(self.student, self.teacher, part)
                shares = (
                    {}
                    if is_whole
                    else {
                        name: share(name, count, whole, config.convention) for name in losses.terms
                    }
                )
                total = losses.total(shares)
                total.backward()
                for name, term in {**losses.terms, "total": total}.items():
                    value = term.detach() * shares.get(name, 1.0)
                    sums[name] = sums[name] + value if name in sums else value
        ranks.sum_gradients(self.student.parameters())
        values = ranks.sum(torch.stack(list(sums.values()))).tolist()
        return dict(zip(sums, values, strict=True))

    def _place_dropout(self, first: int | None) -> None:
        """Make a part that begins with crop `first` of the batch draw the dropout of the batch.

        Each part starts from the iteration's seed; None where the batch is whole.
        """
        if first is not None:
            torch.manual_seed(torch.initial_seed())
        for module in self.student.modules():
            if isinstance(module, CropDropout):
                module.place = None if first is None else (first, self._config.batch_size)

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs to continue as if nothing had happened.

        Raises
        ------
        SeminarError
            A weight is not finite: such a state is not worth keeping.
        """
        if not all(bool(parameter.isfinite().all()) for parameter in self.student.parameters()):
            raise SeminarError(
                f"iteration {self.iteration}: the network's weights are not finite; {DIVERGED}"
            )
        return {
            "iteration": self.iteration,
            "part_size": self.part_size,
            "student": self.student.state_dict(),
            "teacher": self.teacher.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def go_back(self, networks: Mapping[str, Any]) -> None:
        """Take over the states of an earlier student and teacher; the optimiser starts anew."""
        self.student.load_state_dict(networks["student"])
        self.teacher.load_state_dict(networks["teacher"])
        self._optimizer.state.clear()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a result of `state`.

        Raises
        ------
        CheckpointError
            It is of another network.
        """
        try:
            self.student.load_state_dict(state["student"])
            self.teacher.load_state_dict(state["teacher"])
            self._optimizer.load_state_dict(state["optimizer"])
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            reason = (str(error).splitlines() or [""])[-1].strip()[:150]
            raise CheckpointError(
                f"the checkpoint is of another network ({reason}); were classes, channels or "
                "settings changed? Start a run under a new name"
            ) from None
        self.iteration = state["iteration"]
        self.part_size = min(state["part_size"], self.part_size)


def _optimizer(student: Network, config: TrainConfig) -> torch.optim.Optimizer:
    """The student's groups of parameters; `Learner.step` sets their learning rates."""
    groups: Any = [{"params": group} for group in student.parameter_groups().values()]
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=config.base_lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
    return torch.optim.AdamW(
        groups, lr=config.base_lr, weight_decay=config.weight_decay, foreach=True
    )


def _with_shared_statistics(student: DeepLabV3Plus, device: torch.device) -> DeepLabV3Plus:
    """Batch norm over the crops of all processes, which torch can do on GPUs alone."""
    if device.type != "cuda":
        raise SeminarError(
            f"--norm batch: several processes need the statistics of all crops, which {device} "
            "cannot share; choose --norm group, or one process"
        )
    shared: DeepLabV3Plus = nn.SyncBatchNorm.convert_sync_batchnorm(student)
    return shared
