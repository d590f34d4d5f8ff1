"""The filters of a probe are what their names say, by other programs and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from seminar.models.filters import LEVELS, PER_CHANNEL, SIGMA
from seminar.models.shallow import ShallowStream

INTENSITY, GRADIENT, LARGER, SMALLER = range(4)


def maps_of(image: np.ndarray) -> list[np.ndarray]:
    """Of (C, H, W): one (4, C, h, w) a level."""
    stream = ShallowStream(len(image))
    with torch.no_grad():
        found = stream(torch.from_numpy(image.astype(np.float32))[None])
    return [each[0].reshape(PER_CHANNEL, len(image), *each.shape[2:]).numpy() for each in found]


def averaged(image: np.ndarray, level: int) -> np.ndarray:
    """The channel (H, W), each 2^level x 2^level pixels averaged."""
    step = 2**level
    height, width = image.shape
    return image.reshape(height // step, step, width // step, step).mean(axis=(1, 3))


def expected(channel: np.ndarray) -> np.ndarray:
    """(4, H, W) by scipy's Gaussian and numpy's eigenvalues, for float64 (H, W) on 0..1."""
    blurred = ndimage.gaussian_filter(channel, SIGMA, mode="nearest", truncate=4.0)
    around = np.pad(blurred, 1, mode="edge")

    def at(row: int, col: int) -> np.ndarray:
        height, width = channel.shape
        return around[1 + row : 1 + row + height, 1 + col : 1 + col + width]

    slope = np.hypot(at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)) / 2
    hessian = np.empty((*channel.shape, 2, 2))
    hessian[..., 0, 0] = at(1, 0) - 2 * blurred + at(-1, 0)
    hessian[..., 1, 1] = at(0, 1) - 2 * blurred + at(0, -1)
    hessian[..., 0, 1] = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    hessian[..., 1, 0] = hessian[..., 0, 1]
    curvatures = np.linalg.eigvalsh(hessian)
    return np.stack([blurred, slope, curvatures[..., 1], curvatures[..., 0]])


@settings(max_examples=10)
@given(
    channels=st.integers(1, 5), rows=st.integers(1, 4), cols=st.integers(1, 4), seed=st.integers(0)
)
def test_each_level_is_gaussian_gradient_and_curvatures_of_the_averaged_image(
    channels: int, rows: int, cols: int, seed: int
) -> None:
    image = np.random.default_rng(seed).uniform(0, 255, (channels, 16 * rows, 16 * cols))
    found = maps_of(image)
    assert len(found) == LEVELS
    for level, each in enumerate(found):
        for number in range(channels):
            wanted = expected(averaged(image[number], level) / 255)
            np.testing.assert_allclose(each[:, number], wanted, atol=5e-6)


def test_they_are_the_features_of_scikit_image_at_the_finest_level() -> None:
    """Which has Sobel filters and other differences: alike, on what is smooth."""
    from skimage.feature import multiscale_basic_features

    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.normal(size=(96, 112)), 4)
    image = (image - image.min()) / np.ptp(image)
    theirs = multiscale_basic_features(image, sigma_min=SIGMA, sigma_max=SIGMA)
    ours = maps_of(255 * image[None])[0][:, 0]
    assert theirs.shape[-1] == len(ours)
    for their, our in zip(np.moveaxis(theirs, -1, 0), ours, strict=True):
        inside = (slice(8, -8), slice(8, -8))
        assert np.corrcoef(their[inside].ravel(), our[inside].ravel())[0, 1] > 0.98


@pytest.mark.parametrize("level", range(LEVELS))
def test_a_slope_has_its_gradient_and_no_curvature(level: int) -> None:
    """2 grey levels a row and 1 a column: per cell, 2^level times as much."""
    rows, cols = np.mgrid[:256, :256]
    each = maps_of((2.0 * rows + cols)[None] / 4)[level][:, 0]
    inside = (slice(6, -6), slice(6, -6))  # cells that do not see the border
    steepness = 2**level * np.hypot(2, 1) / 4 / 255
    np.testing.assert_allclose(each[GRADIENT][inside], steepness, rtol=1e-3)
    np.testing.assert_allclose(each[LARGER][inside], 0, atol=3e-6)
    np.testing.assert_allclose(each[SMALLER][inside], 0, atol=3e-6)


def test_a_dark_line_curves_up_across_itself_whichever_way_it_runs() -> None:
    image = np.full((1, 48, 48), 200.0)
    image[:, 24] = 50
    for turned in (image, image.transpose(0, 2, 1), 0.5 * image):
        found = maps_of(turned)[0][:, 0, 24, 24]
        assert found[LARGER] > 0.05
        assert abs(found[SMALLER]) < 1e-5
        assert abs(found[GRADIENT]) < 1e-5
    bright = maps_of(255 - image)[0][:, 0, 24, 24]
    assert bright[SMALLER] < -0.05 and abs(bright[LARGER]) < 1e-5


def test_a_constant_image_has_its_intensity_and_nothing_else() -> None:
    for each in maps_of(np.full((2, 32, 48), 51.0)):
        np.testing.assert_allclose(each[INTENSITY], 0.2, rtol=1e-5)
        np.testing.assert_allclose(each[1:], 0, atol=2e-6)
        assert np.isfinite(each).all()


@given(seed=st.integers(0), channels=st.integers(1, 5))
@settings(max_examples=5)
def test_channels_do_not_mix(seed: int, channels: int) -> None:
    image = np.random.default_rng(seed).uniform(0, 255, (channels, 32, 16))
    alone = [maps_of(image[number : number + 1]) for number in range(channels)]
    for level, each in enumerate(maps_of(image)):
        for number in range(channels):
            np.testing.assert_allclose(each[:, number], alone[number][level][:, 0], atol=1e-6)


def test_what_it_says_of_its_maps_holds() -> None:
    stream = ShallowStream(3)
    maps = stream(torch.zeros(2, 3, 2 * stream.multiple, 3 * stream.multiple))
    for each, stride, width in zip(maps, stream.strides, stream.widths, strict=True):
        assert each.shape == (
            2,
            width,
            2 * stream.multiple // stride,
            3 * stream.multiple // stride,
        )
