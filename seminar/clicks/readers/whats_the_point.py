"""The human clicks of What's the Point (Bearman et al., ECCV 2016) on PASCAL VOC 2012, as the
files of GatedCRFLoss hold them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seminar.errors import DatasetError

LONGEST_SIDE = 500
"""No image of PASCAL VOC is higher or wider than this: the bound for clicks on images that are
not there.
"""

MAX_COORDINATE = 1e12
MAX_CLASS_ID = 2**31 - 1
"""Beyond these no number is a pixel or a class, and JSON holds numbers that are too large to
reckon with.
"""


@dataclass(frozen=True)
class HumanClick:
    """A click as its file has it.

    Attributes
    ----------
    x, y : float
        Pixels from the left and the upper rim of the image, so that pixel 0 spans 0 to 1.
    class_id : int
        0 in the background file.
    rank : int or None
        1 for the first click on a class in the image, 2 for the second, ...; the background file
        has none.
    """

    x: float
    y: float
    class_id: int
    rank: int | None

    def is_inside(self, height: int, width: int) -> bool:
        """Whether the click falls on an image of this size."""
        return 0 <= self.x < width and 0 <= self.y < height


def read_human_clicks(
    files: Iterable[Path], *, max_rank: int | None = None
) -> dict[str, list[HumanClick]]:
    """Clicks of each image out of several files, in their order.

    `max_rank` leaves out clicks of a higher rank; clicks without a rank stay.

    Raises
    ------
    DatasetError
        A file that is missing or not of this format.
    """
    clicks: dict[str, list[HumanClick]] = {}
    faults: list[str] = []
    for path in files:
        try:
            data = json.loads(path.read_bytes())
        except FileNotFoundError:
            faults.append(f"{path}: no such file; check the name")
            continue
        except (ValueError, RecursionError) as error:
            faults.append(f"{path}: not readable as JSON ({error}); fetch the file again")
            continue
        if not isinstance(data, dict) or not all(
            isinstance(entries, list) for entries in data.values()
        ):
            faults.append(
                f"{path}: expected an object with a list of clicks for every image id, as in"
                " voc_whats_the_point.json; is it the right file?"
            )
            continue
        for image_id, entries in data.items():
            for number, entry in enumerate(entries, start=1):
                click = _parse(entry)
                if click is None:
                    faults.append(
                        f"{path}, {image_id}, click {number}: expected numbers x, y and cls, got"
                        f" {str(entry)[:80]}; correct or delete it"
                    )
                elif max_rank is None or click.rank is None or click.rank <= max_rank:
                    clicks.setdefault(image_id, []).append(click)
            clicks.setdefault(image_id, [])
    if faults:
        shown = faults[:20]
        raise DatasetError(
            shown
            if len(shown) == len(faults)
            else [*shown, f"{len(faults) - len(shown)} more faults like these"]
        )
    return clicks


def _parse(entry: object) -> HumanClick | None:
    if not isinstance(entry, dict):
        return None
    x, y, class_id, rank = (entry.get(key) for key in ("x", "y", "cls", "rank"))
    if not all(
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= MAX_COORDINATE
        for value in (x, y)
    ):
        return None
    if (
        isinstance(class_id, bool)
        or not isinstance(class_id, int)
        or not 0 <= class_id <= MAX_CLASS_ID
    ):
        return None
    if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int)):
        return None
    return HumanClick(float(x), float(y), class_id, rank)  # type: ignore[arg-type]
