"""Seminar: a segmentation network from a few clicks per image.

The method is Seminar Learning (Chen et al., ICCV 2021). The public names below are loaded when they
are first used, so `import seminar` is quick and never loads torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seminar.clicks.click_set import ClickSet as ClickSet
    from seminar.config.settings import TrainConfig as TrainConfig
    from seminar.config.settings import preset as preset
    from seminar.errors import SeminarError as SeminarError
    from seminar.inference.evaluate import evaluate as evaluate
    from seminar.inference.predictor import Predictor as Predictor
    from seminar.labels import IGNORE_INDEX as IGNORE_INDEX
    from seminar.labels import ClassNames as ClassNames
    from seminar.losses.consistency import pixel_consistency as pixel_consistency
    from seminar.losses.cross_entropy import partial_cross_entropy as partial_cross_entropy
    from seminar.losses.dense_crf import dense_crf as dense_crf
    from seminar.models.build_network import build_network as build_network
    from seminar.models.deeplab import DeepLabV3Plus as DeepLabV3Plus
    from seminar.project.project import Project as Project
    from seminar.run.folder import RunFolder as RunFolder
    from seminar.training.recording import record as record
    from seminar.training.trainer import train as train

_MODULES = {
    "ClassNames": "labels",
    "ClickSet": "clicks.click_set",
    "DeepLabV3Plus": "models.deeplab",
    "IGNORE_INDEX": "labels",
    "Predictor": "inference.predictor",
    "Project": "project.project",
    "RunFolder": "run.folder",
    "SeminarError": "errors",
    "TrainConfig": "config.settings",
    "build_network": "models.build_network",
    "dense_crf": "losses.dense_crf",
    "evaluate": "inference.evaluate",
    "partial_cross_entropy": "losses.cross_entropy",
    "pixel_consistency": "losses.consistency",
    "preset": "config.settings",
    "record": "training.recording",
    "train": "training.trainer",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'seminar' has no attribute '{name}'")
    return getattr(importlib.import_module(f"seminar.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
