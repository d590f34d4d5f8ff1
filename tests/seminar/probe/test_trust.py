"""The measure of a mask's edges is high on the image's edges and about 0 elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from clicked_squares import HEIGHT, WIDTH, picture, square
from hypothesis import given, settings
from hypothesis import strategies as st

from seminar.probe.trust import AWAY, SIDE, Edges


def edge_fit(image: np.ndarray, mask: np.ndarray) -> float:
    return Edges(image).fit(mask)


def image_of(number: int = 0, channels: int = 3) -> np.ndarray:
    pixels = picture(number, channels).reshape(HEIGHT, WIDTH, channels)
    return pixels.transpose(2, 0, 1).astype(np.float32)


def mask_of(number: int = 0, *, grown: int = 0, moved: int = 0) -> np.ndarray:
    rows, cols = square(number)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[
        rows.start - grown : rows.stop + grown,
        cols.start - grown + moved : cols.stop + grown + moved,
    ] = 1
    return mask


def test_a_mask_on_the_edges_is_trusted_and_one_elsewhere_is_not() -> None:
    image = image_of()
    exact = edge_fit(image, mask_of())
    assert exact > 0.4
    assert exact > edge_fit(image, mask_of(grown=1)) > edge_fit(image, mask_of(grown=6))
    assert abs(edge_fit(image, mask_of(grown=6))) < 0.2
    rng = np.random.default_rng(0)
    scattered = rng.integers(0, 2, (HEIGHT, WIDTH)).astype(np.uint8)
    scattered[:10] = 0
    assert abs(edge_fit(image, scattered)) < 0.2


def test_by_hand() -> None:
    """A step between two columns under the mask's edge: its gradients have the highest ranks."""
    image = np.zeros((1, 20, 40), np.float32)
    image[:, :, 20:] = 100
    mask = (np.arange(40) >= 20)[None].repeat(20, axis=0).astype(np.uint8)
    ranks = np.linspace(0, 1, 800)  # columns 19 and 20 are alike, and the highest
    away = 800 - 20 * (2 + 2 * AWAY)  # the same columns next to them come second
    expected = ranks[-40:].mean() - ranks[:away].mean()
    assert edge_fit(image, mask) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("labels", [0, 1])
def test_a_mask_of_one_class_has_no_edges(labels: int) -> None:
    assert edge_fit(image_of(), np.full((HEIGHT, WIDTH), labels, np.uint8)) == 0


def test_a_mask_that_is_all_edges_says_nothing() -> None:
    checks = (np.indices((HEIGHT, WIDTH)).sum(axis=0) % 2).astype(np.uint8)
    assert edge_fit(image_of(), checks) == 0


@settings(max_examples=20)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    channels=st.integers(1, 5),
    seed=st.integers(0, 2**31),
)
def test_it_lies_between_minus_one_and_one_and_takes_any_size(
    height: int, width: int, channels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image = rng.uniform(0, 255, (channels, height, width)).astype(np.float32)
    mask = rng.integers(0, 3, (height, width)).astype(np.uint8)
    found = edge_fit(image, mask)
    assert -1 <= found <= 1
    relabelled = np.array([7, 4, 9], np.uint8)[mask]
    assert edge_fit(image, relabelled) == found  # which class it is does not matter
    assert edge_fit(image[:, :, ::-1], mask[:, ::-1]) == pytest.approx(found, abs=1e-3)
    assert edge_fit(image[:, ::-1], mask[::-1]) == pytest.approx(found, abs=1e-3)


@pytest.mark.parametrize("times", [2, 9])
def test_a_large_image_is_judged_on_a_small_one(times: int) -> None:
    """Each pixel times x times: about the same answer, also beyond the side that is averaged."""
    image, mask = image_of(), mask_of()
    large = image.repeat(times, axis=1).repeat(times, axis=2)
    found = edge_fit(large, mask.repeat(times, axis=0).repeat(times, axis=1))
    assert (WIDTH * times > SIDE) == (times == 9)
    assert found == pytest.approx(edge_fit(image, mask), abs=0.15)


def test_channels_count_together() -> None:
    """The edge is in one channel alone."""
    image = image_of()
    image[[0, 2]] = 100
    assert edge_fit(image, mask_of()) > 0.4
