"""The filters in numpy are those of torch, and so is what is interpolated from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from seminar.models import probe
from seminar.models.filters import STRIDES, at_pixels, enlarged, filter_maps
from seminar.models.probe import ProbeNetwork


@settings(max_examples=20)
@given(
    channels=st.integers(1, 4),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    seed=st.integers(0, 99),
)
def test_maps_and_features_at_pixels_are_those_of_a_probe(
    channels: int, height: int, width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image = rng.uniform(0, 255, (channels, height, width)).astype(np.float32)
    found = filter_maps(image)
    expected = ProbeNetwork(None, channels=channels, num_classes=2).maps(
        torch.from_numpy(image)[None]
    )
    assert len(found) == len(expected)
    for each, other in zip(found, expected, strict=True):
        assert each.dtype == np.float32
        np.testing.assert_allclose(each, other[0].numpy(), atol=3e-6)
    pixels = rng.integers(0, (height, width), (30, 2))
    there = probe.at_pixels(expected, STRIDES, torch.from_numpy(pixels))
    np.testing.assert_allclose(at_pixels(found, pixels), there.numpy(), atol=3e-6)


@pytest.mark.parametrize("stride", [1, 2, 16])
def test_enlarged_is_bilinear_as_torch_is(stride: int) -> None:
    values = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    expected = F.interpolate(torch.from_numpy(values)[None], scale_factor=stride, mode="bilinear")
    np.testing.assert_allclose(enlarged(values, stride), expected[0].numpy(), atol=1e-6)
