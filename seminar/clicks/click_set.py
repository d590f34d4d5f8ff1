"""The clicks of an image: labelled points, kept as coordinates as long as possible."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from seminar.errors import DatasetError
from seminar.labels import IGNORE_INDEX, LabelMap

CLICKS_VERSION = 1

Points = npt.NDArray[np.float64]
"""(n, 2) float64 (row, col) in pixels; whole numbers are pixel centres, as in napari."""


@dataclass(frozen=True, eq=False)
class ClickSet:
    """All clicks of one image, in the order in which they were placed.

    Attributes
    ----------
    height, width : int
        Size of the image in pixels.
    points : ndarray, (n, 2) float64
        (row, col) in pixels; whole numbers are pixel centres: rows span -0.5 to height - 0.5.
    class_ids : ndarray, (n,) int64
    seconds : float
        Time a person has spent on this image so far; 0 where unknown.
    """

    height: int
    width: int
    points: Points = field(default_factory=lambda: np.zeros((0, 2)))
    class_ids: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    seconds: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", np.asarray(self.points, dtype=np.float64).reshape(-1, 2))
        object.__setattr__(
            self, "class_ids", np.asarray(self.class_ids, dtype=np.int64).reshape(-1)
        )
        if len(self.points) != len(self.class_ids):
            raise ValueError(
                f"expected one class id a point, got {len(self.points)} points and "
                f"{len(self.class_ids)} class ids"
            )

    def __len__(self) -> int:
        return len(self.class_ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClickSet):
            return NotImplemented
        return (
            (self.height, self.width, self.seconds) == (other.height, other.width, other.seconds)
            and np.array_equal(self.points, other.points)
            and np.array_equal(self.class_ids, other.class_ids)
        )

    __hash__ = None  # type: ignore[assignment]

    def inside(self) -> npt.NDArray[np.bool_]:
        """(n,) bool: which clicks fall on a pixel of the image."""
        rows, cols = pixels(self.points).T
        inside: npt.NDArray[np.bool_] = (
            (rows >= 0) & (rows < self.height) & (cols >= 0) & (cols < self.width)
        )
        return inside

    def rasterize(self) -> LabelMap:
        """Sparse mask, (height, width) uint8: the class of each click on one pixel, 255 elsewhere.

        Clicks outside the image are ignored; of two on the same pixel the later one is drawn.
        """
        mask: LabelMap = np.full((self.height, self.width), IGNORE_INDEX, dtype=np.uint8)
        inside = self.inside()
        rows, cols = pixels(self.points[inside]).T
        mask[rows, cols] = self.class_ids[inside]
        return mask

    @classmethod
    def from_mask(cls, mask: LabelMap) -> ClickSet:
        """A click on every labelled pixel of a sparse mask, (H, W) uint8 with 255 = unlabelled."""
        rows, cols = np.nonzero(mask != IGNORE_INDEX)
        height, width = mask.shape
        return cls(height, width, np.stack([rows, cols], axis=1), mask[rows, cols].astype(np.int64))

    def to_json(self) -> str:
        """The text of Clicks/<image_id>.json, one click per line; `from_json` reads it back."""
        head = {
            "version": CLICKS_VERSION,
            "height": self.height,
            "width": self.width,
            "seconds": self.seconds,
        }
        clicks = ",\n".join(
            f'  {{"row": {row!r}, "col": {col!r}, "class_id": {class_id}}}'  # as json.dumps, faster
            for row, col, class_id in _rows(self)
        )
        body = f"\n{clicks}\n" if clicks else ""
        return f'{json.dumps(head)[:-1]}, "clicks": [{body}]}}\n'

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "clicks") -> ClickSet:
        """Read what `to_json` wrote; `where` names the file in messages.

        Raises
        ------
        DatasetError
            Not JSON, another version, a click without row, col or class_id, a value that is not a
            finite number.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DatasetError(
                f"{where}: not readable as JSON ({error}); restore it or delete it and click again"
            ) from None
        if not isinstance(data, dict) or not isinstance(data.get("clicks"), list):
            raise DatasetError(
                f'{where}: expected an object with "height", "width" and a list "clicks";'
                " restore it or click again"
            )
        if data.get("version", CLICKS_VERSION) != CLICKS_VERSION:
            raise DatasetError(
                f"{where}: clicks of version {data['version']!r}, this program reads version "
                f"{CLICKS_VERSION}; update seminar-napari"
            )
        faults: list[str] = []
        height, width = (
            _whole_number(data.get(key), f'{where}, "{key}"', faults) for key in ("height", "width")
        )
        seconds = data.get("seconds", 0.0)
        if not _is_finite(seconds):
            faults.append(f'{where}, "seconds": expected a number, got {seconds!r}; correct it')
        points: list[tuple[float, float]] = []
        class_ids: list[int] = []
        for number, click in enumerate(data["clicks"], start=1):
            if not isinstance(click, dict) or not all(
                _is_finite(click.get(key)) for key in ("row", "col")
            ):
                faults.append(
                    f"{where}, click {number}: expected finite numbers row and col, got "
                    f"{str(click)[:80]}; fix or delete the click"
                )
                continue
            points.append((float(click["row"]), float(click["col"])))
            class_ids.append(
                _whole_number(click.get("class_id"), f"{where}, click {number}, class_id", faults)
            )
        if faults:
            raise DatasetError(faults)
        return cls(
            height,
            width,
            np.array(points, dtype=np.float64),
            np.array(class_ids, dtype=np.int64),
            float(seconds),
        )


def merged(base: ClickSet, ours: ClickSet, theirs: ClickSet) -> ClickSet:
    """Two changes of the same clicks, both kept.

    `ours`, with what `theirs` has added to and removed from `base`, from which both were made. A
    click that both added is kept once. Clicks of images of different sizes cannot be merged: then
    `ours` is returned.
    """
    if (ours.height, ours.width) != (theirs.height, theirs.width):
        return ours
    was, here, there = (Counter(_rows(clicks)) for clicks in (base, ours, theirs))
    gone, new = was - there, (there - was) - (here - was)
    rows = []
    for row in _rows(ours):
        if gone[row] > 0:
            gone[row] -= 1
        else:
            rows.append(row)
    rows += new.elements()
    values = np.array(rows, dtype=np.float64).reshape(-1, 3)
    seconds = max(ours.seconds, theirs.seconds)
    return ClickSet(ours.height, ours.width, values[:, :2], values[:, 2].astype(np.int64), seconds)


def _rows(clicks: ClickSet) -> list[tuple[float, float, int]]:
    return [
        (row, col, int(class_id))
        for (row, col), class_id in zip(
            clicks.points.tolist(), clicks.class_ids.tolist(), strict=True
        )
    ]


def pixels(points: Points) -> npt.NDArray[np.int64]:
    """(n, 2) int64 pixel under each (row, col): the nearest centre, halves up."""
    limit = float(2**31)
    return np.floor(np.clip(points, -limit, limit) + 0.5).astype(np.int64)


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -1e12 < value < 1e12  # False for NaN


def _whole_number(value: object, where: str, faults: list[str]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        faults.append(
            f"{where}: expected a whole number, 0 or more, got {str(value)[:40]}; correct it"
        )
        return 0
    return value
