"""Clicks as coordinates, as a sparse mask and as JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seminar.clicks.click_set import ClickSet, pixels
from seminar.errors import DatasetError

POINTS = st.lists(
    st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 254)),
    max_size=30,
)


@given(POINTS, st.integers(1, 5000), st.integers(1, 5000), st.floats(0, 1e6))
def test_json_is_read_back(
    clicks: list[tuple[float, float, int]], height: int, width: int, seconds: float
) -> None:
    rows = np.array(clicks, dtype=np.float64).reshape(-1, 3)
    one = ClickSet(height, width, rows[:, :2], rows[:, 2], seconds)
    assert ClickSet.from_json(one.to_json()) == one
    assert ClickSet.from_json(one.to_json().encode()) == one
    json.loads(one.to_json())


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_a_mask_becomes_clicks_and_the_mask_again(mask: np.ndarray) -> None:
    clicks = ClickSet.from_mask(mask)
    assert len(clicks) == (mask != 255).sum()
    assert clicks.inside().all()
    assert (clicks.rasterize() == mask).all()


@given(POINTS, st.integers(1, 40), st.integers(1, 40))
def test_every_click_inside_is_in_the_mask(
    clicks: list[tuple[float, float, int]], height: int, width: int
) -> None:
    rows = np.array(clicks, dtype=np.float64).reshape(-1, 3) % [50, 50, 256]
    one = ClickSet(height, width, rows[:, :2], rows[:, 2])
    expected = {}
    for row, col, class_id in rows:
        place = (int(np.floor(row + 0.5)), int(np.floor(col + 0.5)))
        if place[0] < height and place[1] < width:
            expected[place] = class_id
    mask = one.rasterize()
    assert {
        (row, col): mask[row, col] for row, col in zip(*np.nonzero(mask != 255), strict=True)
    } == expected
    assert mask.shape == (height, width)


def test_whole_numbers_are_pixel_centres() -> None:
    one = ClickSet(2, 3, [(-0.5, -0.5), (1.49, 2.49), (-0.51, 0), (1.5, 0), (0, 2.5)], [1] * 5)
    assert one.inside().tolist() == [True, True, False, False, False]
    assert one.rasterize().tolist() == [[1, 255, 255], [255, 255, 1]]


def test_huge_coordinates_stay_outside() -> None:
    points = np.array([(1e300, 0.0), (-1e300, 0.0)])
    assert not ClickSet(5, 5, points, [0, 0]).inside().any()
    assert pixels(points).dtype == np.int64


def test_the_later_of_two_clicks_on_a_pixel_counts() -> None:
    assert ClickSet(1, 1, [(0, 0), (0.2, 0.2)], [3, 4]).rasterize().tolist() == [[4]]


def test_without_clicks_the_mask_is_all_ignored() -> None:
    assert (ClickSet(2, 2).rasterize() == 255).all()
    assert ClickSet.from_json(ClickSet(2, 2).to_json()) == ClickSet(2, 2)


def test_different_clicks_are_not_equal() -> None:
    one = ClickSet(2, 2, [(0, 1)], [1])
    assert one != ClickSet(2, 2, [(0, 1)], [0])
    assert one != ClickSet(2, 2, [(1, 1)], [1])
    assert one != ClickSet(2, 3, [(0, 1)], [1])
    assert one != "clicks"


def test_points_and_classes_must_match() -> None:
    with pytest.raises(ValueError, match="2 points and 1 class ids"):
        ClickSet(2, 2, [(0, 0), (1, 1)], [0])


CLICK = {"row": 1, "col": 2.5, "class_id": 1}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "a.json: not readable as JSON"),
        ('{"version": 1, "clicks": [', "a.json: not readable as JSON"),
        (b"\xff\xfe\x00", "a.json: not readable as JSON"),
        ("[" * 100_000, "a.json: not readable as JSON"),
        ("[]", 'expected an object with "height", "width" and a list "clicks"'),
        (
            json.dumps({"version": 2, "height": 3, "width": 3, "clicks": []}),
            "clicks of version 2, this program reads version 1",
        ),
        (
            json.dumps({"width": 3, "clicks": []}),
            'a.json, "height": expected a whole number, 0 or more, got None',
        ),
        (
            json.dumps({"height": True, "width": 3, "clicks": []}),
            '"height": expected a whole number',
        ),
        (
            json.dumps({"height": 3, "width": 3, "seconds": "x", "clicks": []}),
            '"seconds": expected a number',
        ),
        (
            json.dumps({"height": 3, "width": 3, "clicks": [CLICK, {"row": 1}]}),
            "a.json, click 2: expected finite numbers row and col",
        ),
        (
            '{"height": 3, "width": 3, "clicks": [{"row": NaN, "col": 1, "class_id": 1}]}',
            "click 1: expected finite numbers",
        ),
        (
            '{"height": 3, "width": 3, "clicks": [{"row": 1e999, "col": 1, "class_id": 1}]}',
            "click 1: expected finite numbers",
        ),
        (
            json.dumps({"height": 3, "width": 3, "clicks": [CLICK | {"class_id": -1}]}),
            "click 1, class_id: expected a whole number, 0 or more, got -1",
        ),
        (
            json.dumps({"height": 3, "width": 3, "clicks": [CLICK | {"class_id": 1.5}]}),
            "click 1, class_id: expected a whole number",
        ),
        (
            json.dumps({"height": 3, "width": 3, "clicks": [7]}),
            "click 1: expected finite numbers row and col, got 7",
        ),
    ],
)
def test_what_cannot_be_clicks_is_said(text: str | bytes, fault: str) -> None:
    with pytest.raises(DatasetError) as caught:
        ClickSet.from_json(text, "a.json")
    assert fault in str(caught.value)
    assert str(caught.value).startswith("a.json")


def test_every_fault_is_said_at_once() -> None:
    text = json.dumps(
        {
            "height": -1,
            "width": 3,
            "clicks": [{}, CLICK | {"class_id": "x"}, {"row": "1", "col": 1}],
        }
    )
    with pytest.raises(DatasetError) as caught:
        ClickSet.from_json(text, "a.json")
    assert len(caught.value.faults) == 4


def test_clicks_without_version_and_seconds_are_read() -> None:
    clicks = ClickSet.from_json(json.dumps({"height": 3, "width": 4, "clicks": [CLICK]}))
    assert clicks == ClickSet(3, 4, [(1, 2.5)], [1])
