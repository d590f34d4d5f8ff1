"""Where a network starts: at the linear probe of the clicks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from seminar.config.settings import TrainConfig
from seminar.models.build_probe import probe_settings
from seminar.probe.probe import Probe
from seminar.probe.self_training import self_train
from seminar.project.project import Project


def probe_weights(
    project: Project,
    config: TrainConfig,
    image_ids: Sequence[str],
    device: torch.device,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Mapping[str, Tensor]:
    """The 1 x 1 convolutions of the probe of these images' clicks, as a state dict.

    It is empty with clicks of fewer than two classes; the network then starts at zero. Once
    `is_stopped`, it is the probe of the clicks without what follows them.

    Raises
    ------
    SeminarError
        Images, clicks or the weights of the backbone cannot be read.
    """
    probe = Probe(project, probe_settings(config), device=device)
    for image_id in image_ids:
        probe.learn(image_id)
    if not probe.fit():
        return {}
    if config.pseudo_by_image:
        self_train(probe, is_stopped)
    return probe.weights()
