"""Where a network starts: at the linear probe of the clicks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping, Sequence

import torch
from torch import Tensor

from seminar.config.settings import TrainConfig
from seminar.models.build_probe import probe_settings
from seminar.probe.probe import Probe
from seminar.probe.self_training import Presences, self_train
from seminar.project.project import Project
from seminar.run import events


class Start:
    """Where the networks of all stages start.

    Parameters
    ----------
    image_ids : sequence of str
        Whose clicks the probe learns from.
    others : sequence of str
        Images without clicks, which it learns from too where few are clicked.
    is_stopped : callable
        Whether the run is to end: then the start is the probe of the clicks known so far.
    """

    def __init__(
        self,
        project: Project,
        config: TrainConfig,
        image_ids: Sequence[str],
        *,
        others: Sequence[str],
        device: torch.device,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._project, self._config = project, config
        self._image_ids, self._others = image_ids, others
        self._device, self._is_stopped = device, is_stopped
        self._weights: Mapping[str, Tensor] | None = None

    def weights(self) -> Generator[events.Event, None, Mapping[str, Tensor]]:
        """The probe of a `RefinedProbe`, and what tells it which classes an image shows, as parts
        of its state dict, once they are learnt.

        It is empty with clicks of fewer than two classes; a network then starts at zero.

        Raises
        ------
        SeminarError
            Images, clicks or the weights of the backbone cannot be read.
        """
        if self._weights is None:
            self._weights = yield from self._learn()
        return self._weights

    def _learn(self) -> Generator[events.Event, None, Mapping[str, Tensor]]:
        probe = Probe(self._project, probe_settings(self._config), device=self._device)
        for images, image_id in enumerate(self._image_ids):
            yield events.StartLearnt(part="features", images=images, of=len(self._image_ids))
            if self._is_stopped():
                break
            probe.learn(image_id)
        if not probe.fit():
            return {}
        presences = None
        if self._config.pseudo_by_image:
            presences = yield from self._self_trained(probe)
        weights = {f"probe.{name}": value for name, value in probe.weights().items()}
        if presences is not None:
            weights["presence.weight"], weights["presence.bias"] = map(torch.from_numpy, presences)
        return weights

    def _self_trained(self, probe: Probe) -> Generator[events.Event, None, Presences]:
        with contextlib.closing(self_train(probe, self._others)) as learning:
            while not self._is_stopped():
                try:
                    images, of = next(learning)
                except StopIteration as end:
                    presences: Presences = end.value
                    return presences
                yield events.StartLearnt(part="masks", images=images, of=of)
        return None
