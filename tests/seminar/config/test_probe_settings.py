"""The settings of a probe: checked when made, the same after a trip through TOML."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seminar.config.backbones import PYRAMIDS
from seminar.config.probe_settings import ProbeConfig
from seminar.errors import ConfigError

FIELDS = dataclasses.fields(ProbeConfig)

configs = st.builds(
    ProbeConfig,
    backbone=st.sampled_from([*PYRAMIDS, "none"]),
    weights=st.sampled_from(["imagenet", "pretrained", "none"]) | st.text(),
    channels=st.lists(st.integers(0, 99), unique=True, max_size=5).map(tuple),
    stretch=st.lists(st.floats(0, 100), min_size=2, max_size=2, unique=True).map(sorted).map(tuple),
)


@given(configs)
def test_toml_reads_back_what_it_wrote(config: ProbeConfig) -> None:
    assert ProbeConfig.from_toml(config.to_toml(), "model.pt") == config


def test_a_missing_setting_is_the_default() -> None:
    assert ProbeConfig.from_toml("", "model.pt") == ProbeConfig()
    assert ProbeConfig.from_toml('backbone = "none"', "model.pt") == ProbeConfig(backbone="none")


def test_every_default_is_allowed_and_every_setting_says_what_it_is() -> None:
    ProbeConfig()
    assert all(len(field.metadata["help"]) > 8 for field in FIELDS)


def test_whole_numbers_and_lists_become_what_is_asked_for() -> None:
    config = ProbeConfig(channels=[1, 0], stretch=[0, 99])  # type: ignore[arg-type]
    assert (config.channels, config.stretch) == ((1, 0), (0.0, 99.0))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("backbone", "resnet50x", r"one of efficientnet_lite0, .*got 'resnet50x' \(did you mean"),
        ("backbone", "", "or none for filters alone, got ''"),
        ("backbone", 5, "expected text, got 5"),
        ("weights", None, "expected text, got None"),
        ("channels", (0, -1), "expected different numbers from 0 up"),
        ("channels", (1, 1), "expected different numbers from 0 up"),
        ("channels", ("0",), "expected a whole number, got '0'"),
        ("stretch", (50.0, 50.0), "lower percentile first"),
        ("stretch", (99.0, 1.0), "lower percentile first"),
        ("stretch", (-1.0, 50.0), "expected 0 to 100"),
        ("stretch", (0.0, 100.5), "expected 0 to 100"),
        ("stretch", (math.nan, 100.0), "expected 0 to 100"),
        ("stretch", (1.0,), "expected 2 values"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(name: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"settings: {name}: .*{message}") as refused:
        ProbeConfig(**{name: value})
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("backbone = ", r"model\.pt: not readable as TOML"),
        ('bakbone = "none"', r"model\.pt, setting 'bakbone' is unknown; did you mean backbone"),
        ('backbone = "none"\nseed = 1', r"model\.pt, setting 'seed' is unknown"),
        ("stretch = [5, 1]", r"model\.pt, settings: stretch: expected the lower percentile"),
        ("a = " + "[" * 2000, r"model\.pt: not readable as TOML"),
    ],
)
def test_a_text_of_something_else_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ProbeConfig.from_toml(text, "model.pt")
