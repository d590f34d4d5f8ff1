"""Pyramids: maps of all scales, of any number of channels, saved and exported."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest
import torch
from torch import nn

from seminar.config.backbones import LICENCES, PYRAMIDS, PyramidName
from seminar.errors import ConfigError
from seminar.models.backbones.folding import fold_batch_norm
from seminar.models.backbones.inverted_residuals import RECIPES, InvertedResiduals
from seminar.models.backbones.pyramid import LAYOUTS, Pyramid, build_pyramid

NAMES = get_args(PyramidName)


def random_pyramid(name: PyramidName, channels: int = 3, seed: int = 0) -> Pyramid:
    torch.manual_seed(seed)
    return build_pyramid(name, weights="none", channels=channels)


@pytest.mark.parametrize("name", NAMES)
def test_maps_have_the_widths_and_strides_that_are_declared(name: PyramidName) -> None:
    pyramid = random_pyramid(name)
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
        assert facts.licence in LICENCES
        assert config.license == facts.licence.lower()
        assert config.hf_hub_id == facts.hub_id
        assert (config.mean, config.std) == LAYOUTS[name].mean_std


def with_used_norms(network: nn.Module) -> nn.Module:
    """Statistics and factors as after training; fresh batch norms do next to nothing."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.weight, module.bias, module.running_mean, module.running_var):
                value.data.uniform_(0.5, 1.5)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("name", RECIPES)
def test_our_own_networks_are_those_of_timm(name: PyramidName) -> None:
    import timm

    torch.manual_seed(0)
    theirs = with_used_norms(timm.create_model(PYRAMIDS[name].timm_name, num_classes=0))
    ours = InvertedResiduals(RECIPES[name]).eval()
    state = theirs.state_dict()
    assert {key.split(".")[0] for key in state.keys() - ours.state_dict().keys()} == {
        "conv_head",
        "bn2",
    }
    ours.load_state_dict({key: state[key] for key in ours.state_dict()})
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = theirs.forward_intermediates(image, intermediates_only=True)
        torch.testing.assert_close(ours(image), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenetv4_conv_small", "resnet50"])
def test_folding_changes_nothing_but_the_norms(name: PyramidName) -> None:
    from seminar.models.backbones.timm_maps import TimmMaps

    torch.manual_seed(0)
    network = InvertedResiduals(RECIPES[name]) if name in RECIPES else TimmMaps(name)
    with_used_norms(network)
    image = torch.randn(1, 3, 64, 64)
    expected = network(image)
    fold_batch_norm(network)
    for found, each in zip(network(image), expected, strict=True):
        assert (found - each).norm() < 1e-4 * each.norm()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_equal_channels_give_what_the_grey_image_gives_as_rgb(channels: int) -> None:
    grey = torch.rand(1, 1, 64, 64) * 255
    expected = random_pyramid("efficientnet_lite0")(grey.expand(-1, 3, -1, -1))
    found = random_pyramid("efficientnet_lite0", channels)(grey.expand(-1, channels, -1, -1))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenetv4_conv_small", "dinov2_vits14"])
def test_a_saved_pyramid_is_the_same_again(name: PyramidName) -> None:
    saved, loaded = random_pyramid(name, seed=1), random_pyramid(name, seed=2)
    image = torch.rand(1, 3, 4 * saved.multiple, 2 * saved.multiple) * 255
    assert not torch.equal(saved(image)[-1], loaded(image)[-1])
    loaded.load_state_dict(saved.state_dict())
    assert all(map(torch.equal, saved(image), loaded(image)))


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenetv4_conv_small", "resnet50"])
def test_an_exported_pyramid_takes_other_sizes(name: PyramidName) -> None:
    pyramid = random_pyramid(name)
    rows, cols = (torch.export.Dim(side, min=2, max=64) for side in ("rows", "cols"))
    shapes = {"image": {2: pyramid.multiple * rows, 3: pyramid.multiple * cols}}
    example = torch.rand(1, 3, 3 * pyramid.multiple, 4 * pyramid.multiple)
    exported = torch.export.export(pyramid, (example,), dynamic_shapes=shapes).module()
    image = torch.rand(1, 3, 5 * pyramid.multiple, 2 * pyramid.multiple) * 255
    torch.testing.assert_close(exported(image), pyramid(image))


def test_sizes_that_are_not_multiples_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 32, not 64x65"):
        random_pyramid("efficientnet_lite0")(torch.rand(1, 3, 64, 65))


def test_another_name_of_timm_is_refused() -> None:
    with pytest.raises(ConfigError, match="'efficientnet_b0' is not one of efficientnet_lite0, "):
        build_pyramid("efficientnet_b0", weights="none", channels=3)  # type: ignore[arg-type]


def test_the_default_needs_neither_timm_nor_torchvision() -> None:
    """Both together take two seconds of the three to the first mask."""
    script = """
import sys
from seminar.models.backbones.pyramid import build_pyramid
import torch
with torch.inference_mode():
    build_pyramid("efficientnet_lite0", weights="none", channels=3)(torch.rand(1, 3, 64, 64))
print([name for name in ("timm", "torchvision", "torch._dynamo") if name in sys.modules])
"""
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"
