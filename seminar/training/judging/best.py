"""The best network of a run so far, which is its model."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

from torch import nn

from seminar.errors import SeminarError
from seminar.run import events
from seminar.training.judging.judge import Judge
from seminar.training.saving import Saver


class Best:
    """Keeps the best of the probe, and of the students and teachers of all stages.

    Attributes
    ----------
    network : Module or None
        A copy of it, in eval mode, without gradients; None before the first is judged.
    """

    def __init__(self, judge: Judge, saver: Saver) -> None:
        self._judge, self._saver = judge, saver
        self._score = float("-inf")
        self.network: nn.Module | None = None

    def resume(self, network: nn.Module) -> None:
        """Go on from the model that the run has."""
        self._keep(network, self._judge.score(network))

    def compare(self, stage: str, networks: Mapping[str, nn.Module]) -> Iterator[events.Event]:
        """Judge networks by name; the best so far becomes the run's model."""
        before = self.network
        if stage == events.PROBE:  # the run begins, or anew after a stop before its first step
            self._score = float("-inf")
        for name, network in networks.items():
            try:
                score = self._judge.score(network)
            except SeminarError as error:  # a mask that was damaged since the start
                yield events.Warned(message=f"not judged: {error}")
                if self.network is None:  # better than no model
                    self._keep(network, self._score)
                continue
            is_best = score > self._score
            if is_best:
                self._keep(network, score)
            yield events.Judged(
                stage=stage,
                network=name,
                score=score,
                measure=self._judge.measure,
                is_best=is_best,
            )
        if self.network is not None and self.network is not before:
            yield from self._saver.save_model(self.network)

    def _keep(self, network: nn.Module, score: float) -> None:
        self._score = score
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
