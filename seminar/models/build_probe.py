"""The network of a probe, from its settings."""

from __future__ import annotations

from typing import cast

from seminar.config.backbones import PyramidName
from seminar.config.probe_settings import ProbeConfig
from seminar.config.settings import TrainConfig
from seminar.models.probe import ProbeNetwork


def build_probe(
    config: ProbeConfig, *, num_classes: int, channels: int, load: bool = True
) -> ProbeNetwork:
    """The network of these settings, its 1 x 1 convolutions at zero.

    `load=False` leaves the backbone random, for a network whose state is loaded next.

    Raises
    ------
    CheckpointError
        Its weights cannot be had.
    """
    if config.backbone == "none":
        return ProbeNetwork(None, channels=channels, num_classes=num_classes)
    from seminar.models.backbones.pyramid import build_pyramid

    name = cast(PyramidName, config.backbone)
    weights = config.weights if load else "none"
    pyramid = build_pyramid(name, weights=weights, channels=channels)
    return ProbeNetwork(pyramid, channels=channels, num_classes=num_classes)


def probe_settings(config: TrainConfig) -> ProbeConfig:
    """The settings of the probe at which a run starts: without weights, of filters alone."""
    return ProbeConfig(
        backbone="none" if config.weights == "none" else config.backbone,
        weights=config.weights,
        channels=config.channels,
        stretch=config.stretch,
    )
