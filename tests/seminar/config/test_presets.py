"""Presets are the defaults, and the paper's own settings."""

from __future__ import annotations

import pytest

from seminar.config.settings import TrainConfig, preset
from seminar.errors import ConfigError


def test_the_default_is_the_preset_it_says() -> None:
    assert TrainConfig() == preset(TrainConfig().preset)


def test_the_paper_preset_is_the_papers() -> None:
    paper = preset("paper")
    assert paper.iterations == 60 * 882
    assert (paper.backbone, paper.crop_size, paper.batch_size, paper.norm) == (
        "resnet101",
        513,
        12,
        "batch",
    )
    assert (paper.optimizer, paper.base_lr, paper.head_lr_factor, paper.momentum) == (
        "sgd",
        0.007,
        10,
        0.9,
    )
    assert (paper.convention, paper.lambda_crf, paper.lambda_pcons, paper.ema_decay) == (
        "paper",
        1,
        200,
        0.999,
    )
    assert paper.pcons_ramp == pytest.approx(40 / 60)
    assert (paper.sigma_rgb, paper.sigma_xy, paper.modules) == (15, 100, 1)
    assert not paper.strong_augmentation
    assert paper.losses == ("pce", "crf", "pcons", "pseudo")


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ConfigError, match="known are quick, balanced, paper"):
        preset("fast")  # type: ignore[arg-type]
