"""Settings: checked when made, the same after a trip through TOML, and messages that name what
is wrong.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seminar.config.backbones import PYRAMIDS, Backbone
from seminar.config.settings import TrainConfig, preset
from seminar.errors import ConfigError

FIELDS = dataclasses.fields(TrainConfig)
HINTS = typing.get_type_hints(TrainConfig)
NUMBERS = [field for field in FIELDS if field.metadata["low"] is not None]


def values(field: dataclasses.Field[Any]) -> st.SearchStrategy[Any]:
    """Values that the field accepts on its own."""
    hint, low, high = HINTS[field.name], field.metadata["low"], field.metadata["high"]
    if field.name == "losses":
        others = st.lists(st.sampled_from(["crf", "pcons", "pseudo", "presence"]), unique=True)
        return st.just(("full",)) | others.map(lambda terms: ("pce", *terms))
    if field.name == "channels":
        return st.lists(st.integers(0, 99), unique=True, max_size=5).map(tuple)
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if get_origin(hint) is tuple:
        pairs = st.lists(st.floats(low, high), min_size=2, max_size=2, unique=True)
        return pairs.map(sorted).map(tuple) | (
            st.just(()) if field.metadata["empty"] else st.nothing()
        )
    plain: dict[type, st.SearchStrategy[Any]] = {bool: st.booleans(), str: st.text()}
    if hint is int:
        return st.integers(low, high)
    return st.floats(low, high) if hint is float else plain[hint]


def start_and_backbone(chosen: dict[str, Any]) -> dict[str, Any]:
    """Those that go together."""
    if chosen["backbone"] in PYRAMIDS and chosen["norm"] == "group":
        return {"start": "probe"}
    known = get_args(Backbone)
    return {"start": "random"} | ({} if chosen["backbone"] in known else {"backbone": known[0]})


configs = st.fixed_dictionaries({field.name: values(field) for field in FIELDS}).map(
    lambda chosen: TrainConfig(
        **chosen
        | start_and_backbone(chosen)
        | ({"batch_size": 2} if chosen["norm"] == "batch" else {})
        | (
            {"crf_normalize": False, "crf_relaxation": "bilinear"}
            if chosen["convention"] == "paper"
            else {}
        )
    )
)


@given(configs)
def test_toml_reads_back_what_it_wrote(config: TrainConfig) -> None:
    assert TrainConfig.from_toml(config.to_toml()) == config


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_setting_says_what_it_is(field: dataclasses.Field[Any]) -> None:
    assert len(field.metadata["help"]) > 8
    if HINTS[field.name] in (int, float):
        assert field.metadata["low"] < field.metadata["high"]
        assert field.metadata["step"] > 0


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_a_number_out_of_its_range_is_refused_by_name(field: dataclasses.Field[Any]) -> None:
    outside = (
        field.metadata["low"] - 1,
        field.metadata["high"] + 1,
        *([math.nan, math.inf] if HINTS[field.name] is float else []),
    )
    for number in outside:
        value = (number, number) if get_origin(HINTS[field.name]) is tuple else number
        with pytest.raises(ConfigError, match=rf"{field.name}: expected"):
            TrainConfig(**{field.name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("iterations", True, "expected a whole number, got True"),
        ("iterations", 3.5, "expected a whole number, got 3.5"),
        ("base_lr", "fast", "expected a number, got 'fast'"),
        ("absent_class", 1, "expected true or false, got 1"),
        ("weights", 3, "expected text, got 3"),
        ("losses", "pce", "expected a list, got 'pce'"),
        ("losses", ("pce", "crv"), "did you mean crf"),
        ("stretch", (1.0,), "expected 2 values"),
        ("backbone", "resnet50x", "did you mean resnet50"),
        ("losses", ("full", "pce"), "full stands alone"),
        ("losses", ("crf",), "pce is always needed"),
        ("losses", (), "pce is always needed"),
        ("losses", ("pce", "pce"), "stands twice"),
        ("stretch", (50.0, 50.0), "lower percentile first"),
        ("scale_range", (2.0, 1.0), "smaller scale first"),
        ("scale_range", (1.0,), "two scales or none"),
        ("channels", (0, 0), "different numbers from 0"),
        ("channels", (-1,), "different numbers from 0"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(
    name: str, value: object, message: str
) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        TrainConfig(**{name: value})
    assert message in str(caught.value)


def test_batch_norm_refuses_single_crops() -> None:
    with pytest.raises(ConfigError, match="batch_size"):
        TrainConfig(start="random", backbone="resnet50", norm="batch", batch_size=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"backbone": "mobilenet_v3_large"},
            "start probe has one of efficientnet_lite0, .* got mob",
        ),
        ({"start": "random"}, "start random has one of mobilenet_v2, .* got efficientnet_lite0"),
        ({"norm": "batch"}, "norm: batch goes with start random alone"),
    ],
)
def test_start_and_backbone_go_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**changes)


def test_settings_of_version_0_1_are_read_as_they_were_meant() -> None:
    """They name a backbone, and had no choice of the start."""
    old = TrainConfig.from_toml('preset = "quick"\nbackbone = "mobilenet_v2"\nnorm = "group"')
    assert (old.start, old.click_balance, old.lr_warmup, old.crf_by_colour) == (
        *("random", 0.0, 0.0, False),
    )
    new = TrainConfig.from_toml(f'start = "probe"\nbackbone = "{TrainConfig().backbone}"')
    assert new == TrainConfig()


def test_the_papers_convention_refuses_a_normalised_crf() -> None:
    with pytest.raises(ConfigError, match="crf_normalize"):
        TrainConfig(convention="paper", crf_normalize=True)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(iterations=0, crop_size=1, power=-1.0)
    assert all(name in str(caught.value) for name in ("iterations", "crop_size", "power"))


def test_whole_numbers_and_lists_take_the_type_of_the_setting() -> None:
    config = TrainConfig.from_toml("base_lr = 1\nlosses = ['pce']\nstretch = [1, 99]")
    assert config == TrainConfig(base_lr=1.0, losses=("pce",), stretch=(1.0, 99.0))
    assert isinstance(config.base_lr, float)
    assert isinstance(config.stretch[0], float)


@pytest.mark.parametrize(
    ("key", "hint"),
    [("iteratons", "did you mean iterations"), ("zzz", "known are"), ("self", "known are")],
)
def test_an_unknown_setting_is_refused_and_the_nearest_named(key: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"'{key}' is unknown") as caught:
        TrainConfig.from_toml(f"{key} = 1", "runs/june/config.toml")
    assert hint in str(caught.value)
    assert str(caught.value).startswith("runs/june/config.toml, ")


def test_a_config_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().seed = 3  # type: ignore[misc]


def test_an_older_file_is_filled_up_from_its_own_preset() -> None:
    whole = preset("paper").to_toml()
    lines = [line for line in whole.splitlines() if not line.startswith("pseudo_balance")]
    assert len(lines) < len(whole.splitlines())
    assert TrainConfig.from_toml("\n".join(lines)) == preset("paper")
