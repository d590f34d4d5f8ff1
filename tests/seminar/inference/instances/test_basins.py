"""Depth is the exact distance to the rim, basins lead to peaks, and saddles join them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from seminar.inference.instances import basins
from seminar.inference.instances.basins import (
    Ground,
    depths,
    find_basins,
    find_saddles,
    join_basins,
)

masks = hnp.arrays(
    np.bool_,
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    elements=st.sampled_from([True, True, True, False]),
)


def exact(mask: np.ndarray) -> np.ndarray:
    return ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1][mask]


@settings(deadline=None)
@given(masks)
def test_depth_is_the_distance_to_what_is_outside(mask: np.ndarray) -> None:
    np.testing.assert_allclose(depths(Ground.of(mask)), exact(mask), rtol=1e-6)


def test_wide_objects_are_left_to_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.ones((60, 90), dtype=np.bool_)
    mask[20, 30] = False
    expected = depths(Ground.of(mask))
    np.testing.assert_allclose(expected, exact(mask), rtol=1e-6)
    monkeypatch.setattr(basins, "PATIENCE", 0.5)
    np.testing.assert_allclose(depths(Ground.of(mask)), expected, rtol=1e-6)


@settings(deadline=None)
@given(masks)
def test_basins_are_connected_and_each_has_its_peak(mask: np.ndarray) -> None:
    ground = Ground.of(mask)
    heights = depths(ground)
    numbers, peaks = find_basins(ground, heights)
    assert len(peaks) == len(np.unique(numbers))
    image = ground.image(numbers + 1)
    for basin, peak in enumerate(peaks):
        assert numbers[peak] == basin
        assert heights[peak] == heights[numbers == basin].max()
        assert ndimage.label(image == basin + 1, structure=np.ones((3, 3)))[1] == 1


def test_a_ridge_is_crossed_at_its_highest_place() -> None:
    mask = np.ones((2, 5), dtype=np.bool_)
    heights = np.array([[5, 2, 1, 2, 4], [4, 1, 3, 1, 2]], np.float32).ravel()
    ground = Ground.of(mask)
    numbers, peaks = find_basins(ground, heights)
    assert sorted(heights[peaks]) == [3, 4, 5]
    pairs, passes, borders = find_saddles(ground, heights, numbers)
    names = heights[peaks]
    found = {
        frozenset(names[pair].tolist()): float(way) for pair, way in zip(pairs, passes, strict=True)
    }
    assert found == {frozenset({5.0, 3.0}): 1.0, frozenset({3.0, 4.0}): 1.0}
    assert (
        borders.sum()
        == (np.diff(ground.image(numbers)) != 0).sum()
        + (np.diff(ground.image(numbers), axis=0) != 0).sum()
    )


@pytest.mark.parametrize(
    ("waist", "min_area", "clicked", "expected"),
    [
        (0.8, 0, [], [0, 0, 2]),  # .9 of the lower peak joins, .5 does not
        (0.95, 0, [], [0, 1, 2]),
        (0.95, 6, [], [0, 1, 1]),  # what is small joins over the highest saddle
        (0.0, 0, [], [0, 0, 0]),
        (0.0, 0, [0, 2], [0, 0, 2]),  # two clicked ones never join
        (0.8, 9, [1, 2], [1, 1, 2]),  # the clicked one stands for both; clicked ones stay small
    ],
)
def test_basins_join_where_nothing_narrows(
    waist: float, min_area: int, clicked: list[int], expected: list[int]
) -> None:
    is_clicked = np.zeros(3, dtype=np.bool_)
    is_clicked[clicked] = True
    joined = join_basins(
        np.array([[0, 1], [1, 2]]),
        np.array([7.2, 2.0], np.float32),
        peaks=np.array([10.0, 8.0, 4.0], np.float32),
        areas=np.array([50, 20, 5]),
        is_clicked=is_clicked,
        waist=waist,
        min_area=min_area,
    )
    assert joined.tolist() == expected
