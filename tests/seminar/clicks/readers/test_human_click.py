"""A click of another program, and whether it falls on an image."""

from __future__ import annotations

from seminar.clicks.readers.human_click import HumanClick


def test_the_edge_of_the_image() -> None:
    assert HumanClick(-0.5, -0.5, 1).is_inside(3, 4)
    assert HumanClick(2.49, 3.49, 1).is_inside(3, 4)
    assert not HumanClick(-0.5, 3.5, 1).is_inside(3, 4)
    assert not HumanClick(2.5, -0.5, 1).is_inside(3, 4)
    assert not HumanClick(-0.5, -0.6, 1).is_inside(3, 4)
    assert not HumanClick(-0.6, -0.5, 1).is_inside(3, 4)
