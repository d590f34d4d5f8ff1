"""Random crops: what happens to a pixel happens to its click."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seminar.clicks import ClickSet
from seminar.labels import IGNORE_INDEX
from seminar.transforms import (
    Window,
    auto_scale_range,
    crop_image,
    crop_labels,
    random_window,
    rasterize_crop,
    strong_view,
)

windows = st.builds(
    Window,
    top=st.floats(-20, 40),
    left=st.floats(-20, 40),
    scale=st.floats(0.5, 2),
    size=st.just(32),
    mirror=st.booleans(),
    flip=st.booleans(),
    turn=st.booleans(),
)


@given(windows, st.integers(0, 47), st.integers(0, 59))
def test_a_click_stays_on_its_pixel(window: Window, row: int, col: int) -> None:
    """A dense map of numbered rows, sampled where the moved click lies, gives the click's own row and column back."""
    clicks = ClickSet(48, 60, np.array([[row, col]]), np.array([7]))
    crop = rasterize_crop(clicks, window)
    places = torch.nonzero(crop == 7)
    moved = window.move(clicks.points)[0]
    inside = np.all((moved >= -0.5) & (moved < window.size - 0.5))
    assert len(places) == int(inside)
    if len(places) and window.scale >= 1:
        rows = np.repeat(np.arange(48, dtype=np.uint8)[:, None], 60, axis=1)
        cols = np.repeat(np.arange(60, dtype=np.uint8)[None], 48, axis=0)
        at = tuple(places[0].tolist())
        assert abs(int(crop_labels(rows, window)[at]) - row) <= 1
        assert abs(int(crop_labels(cols, window)[at]) - col) <= 1


@given(windows)
def test_image_labels_and_validity_agree(window: Window) -> None:
    image = np.random.default_rng(0).uniform(0, 255, (1, 48, 60)).astype(np.float32)
    crop, valid = crop_image(image, window)
    assert crop.shape == (1, 32, 32)
    assert crop.min() >= -1e-3
    assert crop.max() <= 255.001
    labels = crop_labels(np.zeros((48, 60), dtype=np.uint8), window)
    assert torch.equal(labels == 0, valid)


def test_at_scale_one_the_crop_is_the_image() -> None:
    image = np.arange(3 * 40 * 50, dtype=np.float32).reshape(3, 40, 50) % 256
    crop, valid = crop_image(image, Window(4, 8, 1.0, 32))
    assert valid.all()
    np.testing.assert_allclose(crop.numpy(), image[:, 4:36, 8:40], atol=1e-2)
    mirrored, _ = crop_image(image, Window(4, 8, 1.0, 32, mirror=True))
    np.testing.assert_allclose(mirrored.numpy()[..., ::-1], crop.numpy(), atol=1e-6)
    turned, _ = crop_image(image, Window(4, 8, 1.0, 32, turn=True))
    np.testing.assert_allclose(turned.numpy().swapaxes(1, 2), crop.numpy(), atol=1e-6)


@given(st.integers(0, 10_000), st.integers(8, 200), st.integers(8, 200))
def test_crops_are_drawn_towards_clicks(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    point = rng.uniform((0, 0), (height - 1, width - 1))
    clicks = ClickSet(height, width, point[None], np.array([1]))
    window = random_window(clicks, size=32, scale_range=(0.75, 1.5), rotations=True, rng=rng, focus=1.0)
    assert (rasterize_crop(clicks, window) != IGNORE_INDEX).sum() == 1


def test_few_images_are_zoomed_into_and_many_are_not() -> None:
    ranges = [auto_scale_range(n) for n in range(1, 30)]
    assert ranges[:3] == [pytest.approx((1.0, 2.5))] * 3
    assert ranges[9:] == [(0.8, 1.25)] * 20
    assert all(before[1] > after[1] for before, after in itertools.pairwise(ranges[2:10]))


def test_images_smaller_than_the_crop_are_padded_and_marked() -> None:
    clicks = ClickSet(1, 1, np.array([[0, 0]]), np.array([1]))
    window = random_window(clicks, size=32, scale_range=(1, 1), rotations=False, rng=np.random.default_rng(0))
    crop, valid = crop_image(np.full((1, 1, 1), 77.0, dtype=np.float32), window)
    assert int(valid.sum()) == 1
    torch.testing.assert_close(crop, torch.full((1, 32, 32), 77.0))
    assert (rasterize_crop(clicks, window) == 1).nonzero().tolist() == valid.nonzero().tolist()


def test_the_strong_view_is_another_picture_of_the_same_range() -> None:
    crop = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (3, 32, 32)).astype(np.float32))
    strong = strong_view(crop, np.random.default_rng(1))
    assert strong.shape == crop.shape
    assert strong.min() >= 0
    assert strong.max() <= 255
    assert (strong - crop).abs().mean() > 1
    torch.testing.assert_close(strong, strong_view(crop, np.random.default_rng(1)))


def test_the_strong_view_lights_a_crop_unevenly() -> None:
    even = torch.full((1, 96, 96), 120.0)
    spans = []
    for seed in range(8):
        corners = strong_view(even, np.random.default_rng(seed)).unfold(1, 24, 24).unfold(2, 24, 24).mean(dim=(-1, -2))
        spans.append(float(corners.max() - corners.min()))  # the noise is averaged away
    assert min(spans) > 5
    assert len({round(span) for span in spans}) > 3
