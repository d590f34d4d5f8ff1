"""The network of a training run, from its settings."""

from __future__ import annotations

from seminar.config.backbones import BACKBONES
from seminar.config.settings import TrainConfig
from seminar.models.build_probe import build_probe, probe_settings
from seminar.models.deeplab import DeepLabV3Plus, build_deeplab
from seminar.models.refined_probe import RefinedProbe

Network = DeepLabV3Plus | RefinedProbe


def build_network(
    config: TrainConfig, *, num_classes: int, channels: int, load: bool = True
) -> Network:
    """The network of these settings, for images of `channels` channels.

    Parameters
    ----------
    load : bool
        False leaves the backbone random, for a network whose trained state is loaded next.

    Raises
    ------
    CheckpointError
        The weights of the backbone cannot be had.
    """
    if config.start == "random":
        return build_deeplab(config, num_classes=num_classes, channels=channels, load=load)
    probe = build_probe(
        probe_settings(config), num_classes=num_classes, channels=channels, load=load
    )
    return RefinedProbe(probe, num_classes=num_classes, light=BACKBONES[config.backbone].light)
