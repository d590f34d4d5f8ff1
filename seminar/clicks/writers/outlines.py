"""Outlines of masks along the edges of their pixels, so that filling them gives the same mask.

scikit-image's `find_contours` goes through the middles of pixels: half a pixel of every object
would be lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ring = list[tuple[int, int]]
"""Corners (row, col), counted from the upper left corner of the image; not closed."""

STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""East, south, west, north; the mask lies to the right."""


@dataclass(frozen=True)
class Outline:
    """One connected piece of a mask.

    Attributes
    ----------
    outer : Ring
        Clockwise on the screen.
    holes : list of Ring
        Counterclockwise.
    """

    outer: Ring
    holes: list[Ring]


def outlines(mask: npt.NDArray[np.bool_], top: int = 0, left: int = 0) -> list[Outline]:
    """The pieces of a mask that are connected by edges.

    A hole may touch the outer ring or another hole in a corner; rings never cross or touch
    themselves, so the polygons are valid.

    Parameters
    ----------
    mask : ndarray, (H, W) bool
    top, left : int
        Place of the mask's first pixel in its image.
    """
    from scipy import ndimage  # late: the command line lists formats without it

    pieces, _ = ndimage.label(mask)
    found = []
    for number, window in enumerate(ndimage.find_objects(pieces), start=1):
        rows, cols = window
        rings = _rings(pieces[window] == number, rows.start + top, cols.start + left)
        rings.sort(key=_area)
        found.append(Outline(rings[-1], rings[:-1]))
    return found


def _rings(piece: npt.NDArray[np.bool_], top: int, left: int) -> list[Ring]:
    padded = np.pad(piece, 1)
    inner = padded[1:-1, 1:-1]
    # the pixel beyond the edge, and where the edge starts
    beyond = (padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2])
    starts = ((0, 0), (0, 1), (1, 1), (1, 0))
    leaving: dict[tuple[int, int], list[int]] = {}
    for direction in range(4):
        edges = np.argwhere(inner & ~beyond[direction]) + starts[direction]
        for row, col in edges.tolist():
            leaving.setdefault((row, col), []).append(direction)
    rings = []
    while leaving:
        corner = first = next(iter(leaving))
        direction = leaving[first][0]
        came = direction
        ring: Ring = []
        while True:
            choices = leaving[corner]
            # of two ways the left one: what meets in a corner is one piece
            direction = (came - 1) % 4 if len(choices) > 1 and ring else choices[0]
            choices.remove(direction)
            if not choices:
                del leaving[corner]
            if direction != came or not ring:
                ring.append((corner[0] + top, corner[1] + left))
            corner = corner[0] + STEPS[direction][0], corner[1] + STEPS[direction][1]
            came = direction
            if corner == first:
                break
        rings.append(_without_straight(ring))
    return rings


def _without_straight(ring: Ring) -> Ring:
    """The ring without its first corner, if the outline goes straight on there."""
    (before, first, after) = ring[-1], ring[0], ring[1]
    is_straight = before[0] == first[0] == after[0] or before[1] == first[1] == after[1]
    return ring[1:] if is_straight else ring


def _area(ring: Ring) -> int:
    """Twice the area within; negative for a hole."""
    return sum(
        col * next_row - next_col * row
        for (row, col), (next_row, next_col) in zip(ring, [*ring[1:], ring[0]], strict=True)
    )
