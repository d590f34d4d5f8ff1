"""Checkpoints and models of a run; a full disk makes training wait."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from seminar.config.settings import TrainConfig
from seminar.labels import ClassNames
from seminar.models import checkpoint
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.training.clock import Clock
from seminar.training.learner import Learner

CHECKPOINT_INTERVAL = 30.0
"""Seconds between two checkpoints, at least."""

MAX_CHECKPOINT_SHARE = 0.02
"""Share of the run's time that checkpoints may take."""

ROOM_INTERVAL = 1.0
"""Seconds between two attempts to write to a disk that refuses."""

STOP_PATIENCE = 10.0
"""Seconds in which a run that is asked to stop keeps trying to save on such a disk."""


class Saver:
    """Writes the checkpoints and models of a run.

    Parameters
    ----------
    channels : int
        Channels of the images that the networks take.
    """

    def __init__(
        self, run: RunFolder, config: TrainConfig, classes: ClassNames, channels: int
    ) -> None:
        self._run, self._config, self._classes, self._channels = run, config, classes, channels

    def save_now_and_then(
        self, stage: str, learner: Learner, clock: Clock, more: Mapping[str, Any]
    ) -> Iterator[events.Event]:
        """Write a checkpoint, with `more` in it, where the last one is old enough."""
        if not clock.passed("checkpoint", CHECKPOINT_INTERVAL):
            return
        start = time.monotonic()
        yield from self._checkpoint(stage, learner, more)
        clock.took("checkpoint", (time.monotonic() - start) / MAX_CHECKPOINT_SHARE)
        yield events.CheckpointSaved(stage=stage, iteration=learner.iteration)

    def save_at_the_end(
        self, stage: str, learner: Learner, more: Mapping[str, Any]
    ) -> Iterator[events.Event]:
        """Write the checkpoint of a stage that ends or is stopped, and its student if it ended."""
        yield from self._checkpoint(stage, learner, more)
        if learner.iteration == self._config.iterations:
            yield from self._model(self._run.student_path(stage), learner.student)

    def save_model(self, network: nn.Module) -> Iterator[events.Event]:
        """Write the network that predicts."""
        return self._model(self._run.model_path, network)

    def _checkpoint(
        self, stage: str, learner: Learner, more: Mapping[str, Any]
    ) -> Iterator[events.Event]:
        path = self._run.checkpoint_path(stage)
        return self._when_there_is_room(
            lambda: checkpoint.save_checkpoint(path, {**learner.state(), **more})
        )

    def _model(self, path: Path, network: nn.Module) -> Iterator[events.Event]:
        return self._when_there_is_room(
            lambda: checkpoint.save_model(
                path, network, config=self._config, classes=self._classes, channels=self._channels
            )
        )

    def _when_there_is_room(self, write: Callable[[], None]) -> Iterator[events.Event]:
        """Write; where the disk refuses, warn once and try until it accepts.

        The result is worth the wait. A stop request shortens it.
        """
        warned, stopped_at = False, math.inf
        while True:
            try:
                return write()
            except OSError as error:
                now = time.monotonic()
                stopped_at = min(stopped_at, now) if self._run.stop_requested() else math.inf
                if now - stopped_at > STOP_PATIENCE:
                    raise
                if not warned:
                    yield events.Warned(
                        message=(
                            f"{error.filename or self._run.path}: {error.strerror or error}; make "
                            "room or give access, training waits and then goes on"
                        )
                    )
                    warned = True
                time.sleep(ROOM_INTERVAL)
