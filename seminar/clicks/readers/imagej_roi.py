"""Point and multi-point selections of ImageJ and Fiji: .roi and RoiSet.zip.

x and y are in pixels and a whole number is a pixel's middle, although area selections in the same
kind of file are counted from edges. Seen in ImageJ 1.53t: a mouse click in the middle of pixel
3, zoomed in, is stored as 3.0 and one at its left edge as 2.5; *Measure* gives the value of pixel 4
for 3.6. (`ImagePlus.getStatistics` cuts 3.6 down to pixel 3: it is not what a person sees.)

QuPath writes the same kind of file, but counts from the edge (0.8, source). The file says so only
if the object has a class (property `qupath.object.classification`); otherwise numbers that are not
whole leave it open, and a person is asked; but for the selections that Seminar wrote.

The plane is in `counter_positions` of a multi-point, as a linear index from 1 even on hyperstacks,
in which channels vary fastest, then slices; else in `position`, counted alike; else in z and t;
else in the name that ImageJ gives by itself, slice-y-x.
"""

from __future__ import annotations

import io
import logging
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from seminar.clicks.readers.found_clicks import (
    EDGE,
    Answers,
    Faults,
    FoundClick,
    Reading,
    Unanswered,
    counted_from_edges,
    others_note,
)
from seminar.clicks.readers.source import MAX_COORDINATE, Source
from seminar.errors import DatasetError, SeminarError
from seminar.io.archives import check_archive
from seminar.io.names import shown

if TYPE_CHECKING:
    from roifile import ImagejRoi

logging.getLogger("roifile").addHandler(logging.NullHandler())  # we report damage ourselves

MAGIC, ZIP_MAGIC = b"Iout", b"PK\3\4"
MAX_MEMBER = 2**26
"""Largest selection in an archive, in bytes; a million points are 16 MB."""

CLASS_PROPERTY = "qupath.object.classification"
ORIGIN_PROPERTY = "seminar.origin"
"""Written by `seminar.clicks.writers.imagej`, and kept by ImageJ."""

AUTOMATIC_NAME = re.compile(r"(\d{4,}-)?\d{4,}-\d{4,}(-\d+)?")

_DAMAGE = (
    ValueError,
    TypeError,
    IndexError,
    OverflowError,
    AssertionError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    MemoryError,
)
"""What roifile and zipfile raise on damaged files."""


def is_this(source: Source) -> bool:
    return source.data.startswith((MAGIC, ZIP_MAGIC))


def read(source: Source, answers: Answers) -> Reading:
    """See `seminar.clicks.readers.format_table.read_clicks`."""
    selections = list(_selections(source))
    points = [roi for roi in selections if int(roi.roitype) == 10]
    if not points:
        raise DatasetError(
            f"{source}: no points or multi-points among its {len(selections)} selections; save the "
            "selections of ImageJ's point tools"
        )
    notes = others_note(len(selections) - len(points), "selection")
    label_of = _labels(source, points, answers)
    clicks: list[FoundClick] = []
    are_linear: list[bool] = []
    faults = Faults()
    for roi in points:
        coordinates = np.asarray(roi.coordinates(), dtype=np.float64).reshape(-1, 2).tolist()
        plane, is_linear = _plane(source, roi, answers)
        positions = roi.counter_positions
        for place, (col, row) in enumerate(coordinates):
            if not (abs(row) <= MAX_COORDINATE and abs(col) <= MAX_COORDINATE):
                faults.add(
                    f"{source}, {shown(roi.name)}, point {place + 1}: expected numbers, got "
                    f"{col}, {row}; delete the point"
                )
                continue
            own = 0 if positions is None else int(positions[place])
            clicks.append(FoundClick(row, col, label_of(roi, place), "", own - 1 if own else plane))
            are_linear.append(own > 0 or is_linear)
    faults.raise_any()
    clicks, with_channels = _without_channels(source, clicks, are_linear, answers)
    if _origin(source, points, clicks, answers) == "edge":
        moved, more = counted_from_edges(clicks)
        return Reading(moved, notes=(*notes, *more), from_edges=True, with_channels=with_channels)
    return Reading(clicks, notes=notes, with_channels=with_channels)


def _without_channels(
    source: Source, clicks: list[FoundClick], are_linear: list[bool], answers: Answers
) -> tuple[list[FoundClick], bool]:
    """Clicks whose planes are counted in one way, and whether channels count in it."""
    if all(are_linear) or not any(are_linear):
        return clicks, any(are_linear)
    channels = answers.channels
    if channels is None:
        raise Unanswered(
            f"{source}: some positions count channels and slices as one, some do not; say how many "
            "channels the stack has in ImageJ (1 for RGB)",
            "channels",
        )
    return [
        click._replace(plane=click.plane // channels) if is_linear and click.plane else click
        for click, is_linear in zip(clicks, are_linear, strict=True)
    ], False


def _selections(source: Source) -> Iterator[ImagejRoi]:
    try:
        from roifile import ImagejRoi
    except ImportError:
        raise SeminarError(
            f"{source}: selections of ImageJ need another package; pip install "
            "'seminar-napari[clicks]'"
        ) from None
    try:
        if source.data.startswith(MAGIC):
            yield _with_name(ImagejRoi.frombytes(source.data), source.path.stem)
            return
        try:
            check_archive(source.path)
        except SeminarError as error:
            raise DatasetError(str(error)) from None
        with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
            names = archive.namelist()
            if not any(name.lower().endswith(".roi") for name in names):
                raise DatasetError(
                    f"{source}: no selections of ImageJ in this archive, but "
                    f"{', '.join(map(shown, names[:3])) or 'nothing'}; unzip it and import the file"
                    " with the clicks"
                )
            for member in archive.infolist():
                if not member.filename.lower().endswith(".roi"):
                    continue
                if member.file_size > MAX_MEMBER:
                    raise ValueError(f"a selection of {member.file_size:,} bytes")
                name = member.filename.rpartition("/")[2][: -len(".roi")]
                yield _with_name(ImagejRoi.frombytes(archive.read(member)), name)
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise DatasetError(
            f"{source}: not readable as selections of ImageJ ({reason}); save them again in ImageJ"
        ) from None


def _with_name(roi: ImagejRoi, name: str) -> ImagejRoi:
    roi.coordinates()  # fails here where the file is damaged
    roi.name = roi.name or name
    return roi


def _labels(
    source: Source, rois: list[ImagejRoi], answers: Answers
) -> Callable[[ImagejRoi, int], str]:
    """A function of a selection and the number of a point in it to the label."""
    if answers.classes_from is None and any(_property(roi, CLASS_PROPERTY) for roi in rois):
        return lambda roi, place: _property(roi, CLASS_PROPERTY)
    ways: dict[str, Callable[[ImagejRoi, int], str]] = {
        "name": lambda roi, place: roi.name,
        "counter": lambda roi, place: (
            f"counter {0 if roi.counters is None else int(roi.counters[place])}"
        ),
        "group": lambda roi, place: f"group {roi.group}",
    }
    way = answers.classes_from
    if way is not None and way not in ways:
        raise DatasetError(
            f"{source}: the class of a selection is told by its name, counter or group, not by "
            f"'{shown(way)}'; choose one of these"
        )
    if way is None:
        is_there = {
            # a selection that is saved by itself gets the name of the file
            "name": any(
                not AUTOMATIC_NAME.fullmatch(roi.name) and roi.name != source.path.stem
                for roi in rois
            ),
            "counter": any(roi.counters is not None and roi.counters.any() for roi in rois),
            "group": any(roi.group for roi in rois),
        }
        possible = [name for name in ways if is_there[name]]
        if len(possible) > 1:
            raise Unanswered(
                f"{source}: the selections have {' and '.join(f'{one}s' for one in possible)}, and "
                "either can be the class; say which",
                "classes_from",
                possible,
            )
        if not possible:
            return lambda roi, place: ""
        way = possible[0]
    return ways[way]


def _property(roi: ImagejRoi, key: str) -> str:
    for line in roi.props.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _plane(source: Source, roi: ImagejRoi, answers: Answers) -> tuple[int | None, bool]:
    """Plane from 0, and whether channels are counted as planes."""
    if roi.position > 0:
        return roi.position - 1, True
    if roi.t_position > 1 and roi.z_position >= 1:
        if answers.slices is None:
            raise Unanswered(
                f"{source}, {shown(roi.name)}: slice {roi.z_position} of frame {roi.t_position}, "
                "but not how many slices a frame has; say how many",
                "slices",
            )
        return (roi.t_position - 1) * answers.slices + roi.z_position - 1, False
    if position := roi.z_position or roi.t_position:
        return max(position, 1) - 1, False
    named = AUTOMATIC_NAME.fullmatch(roi.name)
    if named and named[1] and int(named[1][:-1]) > 0:
        return int(named[1][:-1]) - 1, True
    return None, False


def _origin(
    source: Source, rois: list[ImagejRoi], clicks: list[FoundClick], answers: Answers
) -> str:
    if answers.origin is not None:
        return answers.origin
    if any("qupath." in roi.props for roi in rois):
        return "edge"
    if all(_property(roi, ORIGIN_PROPERTY) for roi in rois):
        return "centre"
    if all(click.row % 1 == 0 and click.col % 1 == 0 for click in clicks):
        return "centre"
    raise Unanswered(
        f"{source}: coordinates with decimals, which ImageJ counts from the middle of the first "
        f"pixel and QuPath from its corner ({-EDGE} pixels apart); say which program made them "
        "(centre: ImageJ, edge: QuPath)",
        "origin",
        ("centre", "edge"),
    )
