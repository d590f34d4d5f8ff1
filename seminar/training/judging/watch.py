"""Notices that a network collapses, and goes back."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from seminar.data.dataset import ClickDataset
from seminar.data.loader import OUT_OF_MEMORY
from seminar.errors import SeminarError
from seminar.run import events
from seminar.runtime.distributed import ALONE, Ranks
from seminar.training.learner import Learner

EVERY = 20
"""Iterations between two looks."""

BATCHES = 2
STREAM = 1_000_000
"""Number of a stage that no run has: the watched crops are drawn from its random numbers."""

LOST = 0.2
"""A class is lost that covers less than this share of what it covered at the start."""

SMALL = 0.002
"""A class that covers less of the crops than this at the start is not watched."""

CUT = 0.25
"""Factor of the CRF's weight after a step back."""


class Watch:
    """Looks at the same few crops again and again: how much of them each class covers.

    A network that starts at the probe of its clicks covers about what it should from the start.
    Where half of the classes (one of two) have all but gone, it collapses: student and teacher go
    back to the last look, the optimiser starts anew, and the CRF's weight is cut.

    Attributes
    ----------
    crf_share : float
        Share of the CRF's weight that is left.
    """

    def __init__(self, dataset: ClickDataset, learner: Learner, ranks: Ranks = ALONE) -> None:
        self.crf_share = 1.0
        self._learner, self._ranks = learner, ranks
        try:
            batches = [dataset.batch(STREAM, number) for number in range(BATCHES)]
        except MemoryError:
            raise SeminarError(OUT_OF_MEMORY) from None
        self._crops = torch.cat([batch.image for batch in batches])
        self._start = self._shares()
        self._good, self._good_iteration = _copy(learner), learner.iteration

    def look(self, stage: str) -> Iterator[events.Event]:
        """Every so many iterations, keep the networks or go back to those kept."""
        learner = self._learner
        if learner.iteration % EVERY:
            return
        lost = self._ranks.from_first(self._lost)
        if not lost:
            self._good, self._good_iteration = _copy(learner), learner.iteration
            return
        self.crf_share *= CUT
        learner.go_back(self._good)
        yield events.SteppedBack(
            stage=stage,
            iteration=learner.iteration,
            to_iteration=self._good_iteration,
            lost_classes=lost,
            crf_share=self.crf_share,
        )

    def _lost(self) -> tuple[int, ...]:
        """The classes that are lost, where they are half of those that are watched; else none."""
        start, now = self._start.tolist(), self._shares().tolist()
        watched = [each for each, share in enumerate(start) if share >= SMALL]
        lost = tuple(each for each in watched if now[each] < LOST * start[each])
        return lost if 2 * len(lost) >= len(watched) else ()

    def _shares(self) -> Tensor:
        """(K,) share of the crops that the student gives to each class."""
        student, device = self._learner.student, self._learner.device
        student.eval()
        with torch.no_grad():
            # one at a time: a step may have been taken apart, as memory is short
            crops = (crop.to(device) for crop in self._crops.split(1))
            labels = [student(crop).max(dim=1).indices.cpu() for crop in crops]
        student.train()
        counts = torch.bincount(torch.cat(labels).flatten(), minlength=student.num_classes)
        return counts / counts.sum()

    def state(self) -> dict[str, Any]:
        """All that `restore` needs."""
        return {
            "crf_share": self.crf_share,
            "start": self._start,
            "good": self._good,
            "good_iteration": self._good_iteration,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a result of `state`."""
        self.crf_share, self._start = state["crf_share"], state["start"]
        self._good, self._good_iteration = state["good"], state["good_iteration"]


def _copy(learner: Learner) -> dict[str, Any]:
    """The states of student and teacher, of their own memory."""
    return copy.deepcopy(
        {"student": learner.student.state_dict(), "teacher": learner.teacher.state_dict()}
    )
