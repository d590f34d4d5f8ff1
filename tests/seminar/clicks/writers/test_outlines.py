"""Outlines along pixel edges: filled, they are the mask again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from seminar.clicks.writers.outlines import Outline, Ring, outlines


def crossings(ring: Ring, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Pixels whose middle lies within a ring: an odd number of its edges are to their right."""
    inside = np.zeros(shape, dtype=np.bool_)
    for (row, col), (next_row, next_col) in zip(ring, [*ring[1:], ring[0]], strict=True):
        assert (row == next_row) != (col == next_col)
        inside[min(row, next_row) : max(row, next_row), :col] ^= True
    return inside


def filled(pieces: list[Outline], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    mask = np.zeros(shape, dtype=np.bool_)
    for piece in pieces:
        for ring in (piece.outer, *piece.holes):
            mask ^= crossings(ring, shape)
    return mask


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_filled_they_are_the_mask_again(mask: npt.NDArray[np.bool_]) -> None:
    pieces = outlines(mask)
    assert np.array_equal(filled(pieces, mask.shape), mask)
    assert len(pieces) == ndimage.label(mask)[1]
    for piece in pieces:
        for ring in (piece.outer, *piece.holes):
            assert len(set(ring)) == len(ring)  # valid: none touches itself
            turns = zip([ring[-1], *ring[:-1]], ring, [*ring[1:], ring[0]], strict=True)
            assert all((a[0] == b[0]) != (b[0] == c[0]) for a, b, c in turns)  # no needless corner


def test_one_pixel_and_its_place() -> None:
    assert outlines(np.ones((1, 1), dtype=np.bool_), 4, 7) == [
        Outline([(4, 7), (4, 8), (5, 8), (5, 7)], [])
    ]


def test_a_ring_has_a_hole_and_corners_do_not_connect() -> None:
    ring = np.ones((3, 3), dtype=np.bool_)
    ring[1, 1] = False
    (piece,) = outlines(ring)
    assert sorted(piece.outer) == [(0, 0), (0, 3), (3, 0), (3, 3)]
    assert [sorted(hole) for hole in piece.holes] == [[(1, 1), (1, 2), (2, 1), (2, 2)]]
    assert len(outlines(np.eye(3, dtype=np.bool_))) == 3
