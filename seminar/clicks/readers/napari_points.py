"""CSV of napari's Points layers.

The columns axis-0, axis-1, … are told by their names, not by their order; the last two are row and
column, whole numbers are pixel centres; an axis before them is the plane. The numbers are in data
units: scale and translation of the layer are lost (napari 0.9.2, run). Feature columns are kept by
napari, whole numbers as "1.0"; one of them may be the class. A column class_id, as Seminar's own
layer has it, holds class ids.
"""

from __future__ import annotations

import re

from seminar.clicks.readers.found_clicks import Answers, Faults, FoundClick, Reading, Unanswered
from seminar.clicks.readers.source import Source, as_index, as_number, cut
from seminar.errors import DatasetError
from seminar.io.names import shown

ID_COLUMN = "class_id"
LIKELY_NAMES = ("class", "label", "class_name", ID_COLUMN)


def is_this(source: Source) -> bool:
    return "axis-0" in source.columns


def read(source: Source, answers: Answers) -> Reading:
    """See `seminar.clicks.readers.format_table.read_clicks`."""
    axes = sorted(
        (name for name in source.columns if re.fullmatch(r"axis-\d{1,3}", name)),
        key=lambda name: int(name[len("axis-") :]),
    )
    if len(axes) not in (2, 3):
        raise DatasetError(
            f"{source}: expected points with 2 axes, or 3 on a stack, got {len(axes)} in "
            f"{cut(', '.join(source.columns))}; save the points of one stack at a time"
        )
    column = _class_column(source, answers, [*axes, "index"])
    faults = Faults()
    clicks = []
    for number, line in enumerate(source.rows, start=2):
        places = [as_number(line[axis]) for axis in axes]
        numbers = [place for place in places if place is not None]
        if len(numbers) != len(axes) or (len(axes) == 3 and numbers[0] <= -0.5):
            faults.add(
                f"{source}, line {number}: expected numbers {', '.join(axes)}, got "
                f"{cut([line[axis] for axis in axes])}; correct or delete the line"
            )
            continue
        plane = int(numbers[0] + 0.5) if len(axes) == 3 else None
        label: str | int = line[column].strip() if column else ""
        if column == ID_COLUMN and isinstance(label, str):
            class_id = as_index(label)
            label = label if class_id is None else class_id
        clicks.append(FoundClick(numbers[-2], numbers[-1], label, "", plane))
    faults.raise_any()
    return Reading(clicks)


def _class_column(source: Source, answers: Answers, others: list[str]) -> str:
    features = [name for name in source.columns if name and name not in others]
    wanted = answers.classes_from
    if wanted is not None:
        if wanted not in features:
            raise DatasetError(
                f"{source}: no column '{shown(wanted)}'; the features are "
                f"{cut(', '.join(features)) if features else 'none'}"
            )
        return wanted
    if likely := [name for name in features if name.lower() in LIKELY_NAMES]:
        features = likely
    if len(features) > 1:
        raise Unanswered(
            f"{source}: the columns {cut(', '.join(features))} could each be the class; say which",
            "classes_from",
            features,
        )
    return features[0] if features else ""
