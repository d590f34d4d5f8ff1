"""Results tables of ImageJ and Fiji, saved as CSV after *Measure* on a point selection.

X and Y are calibrated: divided by the pixel size, which is not in the file and is asked, they are
pixels whose whole numbers are the middles (ImageJ 1.53t, run). Rows with an Area above 0 were
measured on areas, whose centroids are counted from the edge (1.53t, run: an area of the one pixel 3
has X 3.5). The class is in Counter, which is absent if there is only one; the plane in Slice and
Frame, from 1; Ch does not matter. Label, if it is shown, starts with the title of the image.

Lost: an origin or inverted y axis of the calibration, and digits beyond those in the table.
"""

from __future__ import annotations

from seminar.clicks.readers.found_clicks import (
    DECIMALS,
    EDGE,
    Answers,
    Faults,
    FoundClick,
    Reading,
    Unanswered,
)
from seminar.clicks.readers.source import MAX_COORDINATE, Source, as_index, as_number, cut
from seminar.errors import DatasetError


def is_this(source: Source) -> bool:
    return {"X", "Y"} <= set(source.columns)


def read(source: Source, answers: Answers) -> Reading:
    """See `seminar.clicks.readers.format_table.read_clicks`."""
    if not is_this(source):
        raise DatasetError(
            f"{source}: expected columns X and Y, got {cut(', '.join(source.columns))}; in ImageJ "
            "tick Centroid in Set Measurements, measure and save again"
        )
    if answers.pixel_size is None:
        raise Unanswered(
            f"{source}: X and Y are in the unit of the image's scale, and the file does not tell "
            "the size of a pixel; say it (1 for an image without a scale, else as Image > "
            "Properties shows it)",
            "pixel_size",
        )
    size = answers.pixel_size
    rows = source.rows
    faults = Faults()
    clicks = []
    areas = 0
    slices = answers.slices
    frames = any((as_index(row.get("Frame", "")) or 0) > 1 for row in rows)
    if frames and slices is None and any((as_index(row.get("Slice", "")) or 0) > 1 for row in rows):
        raise Unanswered(
            f"{source}: slices and frames, but not how many slices a frame has; say how many",
            "slices",
        )
    for number, row in enumerate(rows, start=2):
        x, y = as_number(row["X"]), as_number(row["Y"])
        if x is None or y is None or max(abs(x), abs(y)) / size > MAX_COORDINATE:
            faults.add(
                f"{source}, line {number}: expected numbers X and Y, got {cut(row['X'])} and "
                f"{cut(row['Y'])}; correct or delete the line"
            )
            continue
        is_area = (as_number(row.get("Area", "")) or 0) > 0
        areas += is_area
        offset = EDGE if is_area else 0
        counter = as_index(row.get("Counter", ""))
        clicks.append(
            FoundClick(
                round(y / size, DECIMALS) + offset,
                round(x / size, DECIMALS) + offset,
                "" if counter is None else f"counter {counter}",
                row.get("Label", "").partition(":")[0],
                _plane(row, slices),
            )
        )
    faults.raise_any()
    notes = []
    if areas:
        notes.append(f"{areas} rows are the middles of areas, not points")
    if (digits := _digits(rows)) and 10**-digits / size > 0.5:
        notes.append(
            f"{digits} decimals are too few for pixels of {size:g}: clicks may lie "
            f"{0.5 * 10**-digits / size:.1f} pixels away; in ImageJ raise the decimal places of "
            "Set Measurements"
        )
    return Reading(clicks, notes=tuple(notes), from_edges=bool(areas))


def _plane(row: dict[str, str], slices: int | None) -> int | None:
    in_frame, frame = as_index(row.get("Slice", "")), as_index(row.get("Frame", ""))
    if not in_frame and not frame:
        return None
    return (max(frame or 1, 1) - 1) * (slices or 1) + max(in_frame or 1, 1) - 1


def _digits(rows: list[dict[str, str]]) -> int:
    """Decimals in the table."""
    return max((len(row[axis].partition(".")[2]) for row in rows for axis in "XY"), default=0)
