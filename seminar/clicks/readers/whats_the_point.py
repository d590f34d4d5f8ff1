"""Human clicks of What's the Point (Bearman et al., ECCV 2016) in the files of GatedCRFLoss.

An object with a list of {x, y, cls, rank} for every image id. x and y are counted from the left and
upper edge of the image; cls is the class id in the order of PASCAL VOC.
"""

from __future__ import annotations

from seminar.clicks.readers.found_clicks import EDGE, Answers, Faults, FoundClick, Reading
from seminar.clicks.readers.source import Source, is_number
from seminar.errors import DatasetError
from seminar.io.names import shown

LONGEST_SIDE = 500
"""Longest side of the images of PASCAL VOC, in pixels: bounds clicks on images that are missing."""

MAX_CLASS_ID = 2**31 - 1
"""Larger numbers are no classes; JSON can hold some that overflow."""


def is_this(source: Source) -> bool:
    data = source.json
    return (
        isinstance(data, dict)
        and bool(data)
        and all(isinstance(clicks, list) for clicks in data.values())
        and any(
            isinstance(one, dict) and "cls" in one for clicks in data.values() for one in clicks
        )
    )


def read(source: Source, answers: Answers) -> Reading:
    """See `seminar.clicks.readers.format_table.read_clicks`.

    Of each class in an image the first `answers.max_rank` clicks are taken; clicks without a rank,
    as in the background file, are all taken.
    """
    data = source.json
    if not isinstance(data, dict) or not all(
        isinstance(entries, list) for entries in data.values()
    ):
        raise DatasetError(
            f"{source}: expected an object with a list of clicks for every image id, as in "
            "voc_whats_the_point.json; is it the right file?"
        )
    max_rank = answers.max_rank
    clicks = []
    faults = Faults()
    for image_id, entries in data.items():
        for number, entry in enumerate(entries, start=1):
            if not _is_click(entry):
                faults.add(
                    f"{source}, {shown(image_id)}, click {number}: expected numbers x, y and cls, "
                    f"got {str(entry)[:80]}; correct or delete it"
                )
            elif max_rank is None or (entry.get("rank") or 0) <= max_rank:
                row, col = entry["y"] + EDGE, entry["x"] + EDGE
                clicks.append(FoundClick(row, col, entry["cls"], image_id))
    faults.raise_any()
    return Reading(clicks, tuple(data))


def _is_click(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    class_id, rank = entry.get("cls"), entry.get("rank")
    return (
        all(is_number(entry.get(axis)) for axis in ("x", "y"))
        and type(class_id) is int
        and 0 <= class_id <= MAX_CLASS_ID
        and (rank is None or type(rank) is int)
    )
