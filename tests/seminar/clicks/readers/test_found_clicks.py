"""A click of another program: where it lies, and from where it is counted."""

from __future__ import annotations

import pytest

from seminar.clicks.readers.found_clicks import Faults, FoundClick, counted_from_edges
from seminar.errors import DatasetError


def test_the_edge_of_the_image() -> None:
    assert FoundClick(-0.5, -0.5, 1).is_inside(3, 4)
    assert FoundClick(2.49, 3.49, 1).is_inside(3, 4)
    assert not FoundClick(-0.5, 3.5, 1).is_inside(3, 4)
    assert not FoundClick(2.5, -0.5, 1).is_inside(3, 4)
    assert not FoundClick(-0.5, -0.6, 1).is_inside(3, 4)
    assert not FoundClick(-0.6, -0.5, 1).is_inside(3, 4)


def test_from_edges_to_middles() -> None:
    clicks = [FoundClick(0.5, 2.9999999, "x"), FoundClick(0, 3, "x")]
    moved, notes = counted_from_edges(clicks)
    assert [click[:2] for click in moved] == [(0.0, 2.5), (-0.5, 2.5)]
    assert notes == ()


def test_whole_numbers_are_the_middles_of_pixels() -> None:
    moved, notes = counted_from_edges([FoundClick(4, 3, "x"), FoundClick(0, 0, "x")])
    assert [click[:2] for click in moved] == [(4, 3), (0, 0)]
    assert "whole numbers" in notes[0]
    assert counted_from_edges([]) == ([], ())


def test_many_faults_are_cut_short() -> None:
    faults = Faults()
    faults.raise_any()
    for number in range(23):
        faults.add(f"fault {number}")
    with pytest.raises(DatasetError) as caught:
        faults.raise_any()
    assert caught.value.faults[19:] == ("fault 19", "3 more faults like these")
