"""Human clicks of What's the Point (Bearman et al., ECCV 2016) in the files of GatedCRFLoss."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from seminar.clicks.readers.human_click import HumanClick
from seminar.errors import DatasetError

LONGEST_SIDE = 500
"""Longest side of the images of PASCAL VOC, in pixels: bounds clicks on images that are missing."""

OFFSET = -0.5
"""Added to x and y, which are counted from the left and upper edge of the image."""

MAX_COORDINATE = 1e12
MAX_CLASS_ID = 2**31 - 1
"""Larger numbers are no pixels and no classes; JSON can hold some that overflow."""

FAULTS_SHOWN = 20


def read_human_clicks(
    files: Iterable[Path], *, max_rank: int | None = None
) -> dict[str, list[HumanClick]]:
    """Clicks by image id, from several files in their order.

    Parameters
    ----------
    max_rank : int, optional
        Of each class in an image take the first so many clicks only; clicks without a rank, as in
        the background file, are all taken.

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
                f"{path}: expected an object with a list of clicks for every image id, as in "
                "voc_whats_the_point.json; is it the right file?"
            )
            continue
        for image_id, entries in data.items():
            found = clicks.setdefault(image_id, [])
            for number, entry in enumerate(entries, start=1):
                if not _is_click(entry):
                    faults.append(
                        f"{path}, {image_id}, click {number}: expected numbers x, y and cls, got "
                        f"{str(entry)[:80]}; correct or delete it"
                    )
                elif max_rank is None or (entry.get("rank") or 0) <= max_rank:
                    row, col = entry["y"] + OFFSET, entry["x"] + OFFSET
                    found.append(HumanClick(row, col, entry["cls"]))
    if len(faults) > FAULTS_SHOWN:
        faults[FAULTS_SHOWN:] = [f"{len(faults) - FAULTS_SHOWN} more faults like these"]
    if faults:
        raise DatasetError(faults)
    return clicks


def _is_click(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    class_id, rank = entry.get("cls"), entry.get("rank")
    return (
        all(_is_number(entry.get(axis)) for axis in ("x", "y"))
        and type(class_id) is int
        and 0 <= class_id <= MAX_CLASS_ID
        and (rank is None or type(rank) is int)
    )


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) <= MAX_COORDINATE  # type: ignore[arg-type]
