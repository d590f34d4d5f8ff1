"""Laws of the cut into tiles, for every length."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seminar.inference.tiles import STRIDE, plan


@settings(deadline=None)
@example(length=1345, tile=56, share=28)  # of the largest overlap
@example(length=1156, tile=48, share=24)
@given(length=st.integers(1, 5000), tile=st.integers(2, 20), share=st.integers(0, 10))
def test_tiles_cover_the_side_and_their_weights_sum_to_one(
    length: int, tile: int, share: int
) -> None:
    overlap = min(share, tile // 2) * STRIDE
    spans = plan(length, tile_size=tile * STRIDE, overlap=overlap)
    total = np.zeros(length)
    for span in spans:
        assert span.start % STRIDE == 0
        assert 0 < span.stop - span.start <= tile * STRIDE
        assert span.weights.shape == (span.stop - span.start,)
        assert span.weights.min() >= 0
        total[span.start : span.stop] += span.weights
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert len({span.stop - span.start for span in spans[:-1]}) <= 1
    for before, after in pairwise(spans):
        assert before.stop - after.start == overlap


def test_a_pixel_near_a_tiles_inner_border_comes_from_the_neighbour_alone() -> None:
    first, second = plan(200, tile_size=128, overlap=32)
    assert (first.start, second.stop) == (0, 200)
    np.testing.assert_array_equal(first.weights[-8:], 0)
    np.testing.assert_array_equal(second.weights[:8], 0)
    assert first.weights[0] == second.weights[-1] == 1


@pytest.mark.parametrize(
    ("length", "tile_size", "overlap", "expected"),
    [
        (256, 256, 32, [(0, 256)]),
        (257, 256, 32, [(0, 160), (128, 257)]),  # 289 / 2 in steps of 16
        (300, 256, 32, [(0, 176), (144, 300)]),
        (480, 256, 32, [(0, 256), (224, 480)]),
        (481, 256, 32, [(0, 192), (160, 352), (320, 481)]),  # 545 / 3
        (97, 96, 0, [(0, 64), (64, 97)]),
    ],
)
def test_tiles_are_as_few_as_the_size_allows_and_as_small_as_their_number_allows(
    length: int, tile_size: int, overlap: int, expected: list[tuple[int, int]]
) -> None:
    assert [
        (span.start, span.stop) for span in plan(length, tile_size=tile_size, overlap=overlap)
    ] == expected


def test_weights_go_over_in_the_inner_half_of_the_overlap() -> None:
    first, second = plan(200, tile_size=128, overlap=32)
    assert (first.stop, second.start) == (128, 96)
    ramp = (np.arange(16) + 0.5) / 16
    np.testing.assert_allclose(second.weights[:32], [0] * 8 + ramp.tolist() + [1] * 8)
    np.testing.assert_allclose(first.weights[-32:], [1] * 8 + (1 - ramp).tolist() + [0] * 8)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tile_size": 100, "overlap": 16},
        {"tile_size": 64, "overlap": 48},
        {"tile_size": 64, "overlap": -16},
    ],
)
def test_sizes_that_do_not_go_together_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        plan(10, **wrong)
