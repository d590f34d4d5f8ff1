"""A click as a person made it in another program: what every reader of this folder returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HumanClick:
    """A click of an image whose size the file need not know.

    Attributes
    ----------
    row, col : float
        In pixels, whole numbers are pixel centres; each reader adds the offset of its format.
    class_id : int
    """

    row: float
    col: float
    class_id: int

    def is_inside(self, height: int, width: int) -> bool:
        """Whether the click falls on an image of this size."""
        return -0.5 <= self.row < height - 0.5 and -0.5 <= self.col < width - 0.5
