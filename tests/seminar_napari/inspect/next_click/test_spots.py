"""The places in one image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seminar_napari.inspect.next_click.spots import COARSE, Spot, near_radius, spots

LEAST = 64
NO_CLICKS = np.zeros((0, 2))


def disagreement(
    *regions: tuple[slice, slice], size: tuple[int, int] = (40, 60), value: int = 255
) -> np.ndarray:
    values = np.zeros(size, dtype=np.uint8)
    for rows, cols in regions:
        values[rows, cols] = value
    return values


def found_in(values: np.ndarray, clicks: np.ndarray) -> tuple[Spot, ...]:
    return spots(values, clicks, least=LEAST)


def test_the_spot_lies_in_the_largest_blob_and_counts_its_pixels() -> None:
    found = found_in(
        disagreement((slice(2, 7), slice(2, 7)), (slice(20, 31), slice(40, 51))), NO_CLICKS
    )
    assert [(spot.row, spot.col, spot.area) for spot in found] == [(25, 45, 121), (4, 4, 25)]


def test_a_blob_comes_before_a_rim_of_as_many_pixels() -> None:
    rim = (slice(1, 2), slice(0, 50))
    found = found_in(disagreement(rim, (slice(20, 27), slice(20, 27))), NO_CLICKS)
    assert [spot.area for spot in found] == [49, 50]


def test_weak_disagreement_does_not_count() -> None:
    assert found_in(disagreement((slice(0, 20), slice(0, 20)), value=LEAST - 1), NO_CLICKS) == ()


def test_a_clicked_region_is_left_out_and_a_large_one_is_offered_far_from_the_click() -> None:
    small = disagreement((slice(10, 16), slice(10, 16)))
    assert found_in(small, np.array([[12.0, 12.0]])) == ()
    assert (
        found_in(disagreement((slice(10, 31), slice(20, 41))), np.array([[20.0, 30.0]])) == ()
    )  # nor are its corners offered
    wide = disagreement((slice(0, 40), slice(0, 60)))
    (spot,) = found_in(wide, np.array([[20.0, 10.0]]))
    assert np.hypot(spot.row - 20, spot.col - 10) > near_radius((40, 60))
    assert spot.area < 40 * 60


@pytest.mark.parametrize("place", [(0, 0), (0, 1900), (1023, 1024), (2040, 3)])
def test_large_images_are_found_to_the_pixel(place: tuple[int, int]) -> None:
    row, col = place
    values = disagreement((slice(row, row + 17), slice(col, col + 17)), size=(2048, 2050))
    (spot,) = found_in(values, np.array([[900.0, 500.0]]))
    assert values[spot.row, spot.col] == 255
    assert spot.area == pytest.approx(
        np.count_nonzero(values), rel=0.35
    )  # blocks that are less than half full are left out


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_every_spot_disagrees_and_is_away_from_clicks(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.random((height, width)) < 0.5).astype(np.uint8) * 255
    clicks = rng.random((3, 2)) * (height, width) - 0.5
    for spot in found_in(values, clicks):
        assert values[spot.row, spot.col] == 255
        side = -(-max(height, width) // COARSE)
        assert (
            np.hypot(*(clicks - (spot.row, spot.col)).T).min()
            > near_radius((height, width)) - 2 * side
        )


def test_the_radius_is_of_the_shorter_side_between_six_and_thirty_two_pixels() -> None:
    assert [near_radius(size) for size in ((40, 60), (500, 4000), (4000, 500), (9000, 9000))] == [
        6,
        10,
        10,
        32,
    ]
