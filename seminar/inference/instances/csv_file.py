"""A table of objects as a CSV file, one row an object; no torch, as the window writes it too."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seminar.inference.instances.measure import Columns
from seminar.io.files import write_text

LAST = ("touches_border", "area_um2", "equivalent_diameter_um", "row_um", "col_um")
"""Columns after those of the channels, of which images may have different numbers."""


def write_table(path: Path, measured: dict[str, Columns]) -> None:
    """Write a CSV with a header and one row an object, whole or not at all; a cell is empty where
    an image has no such channel, or no size of its pixels.
    """
    names = dict.fromkeys(name for columns in measured.values() for name in columns)
    ordered = ["image", *(name for name in names if name not in LAST)]
    ordered += [name for name in LAST if name in names]
    text = io.StringIO()
    writer = csv.DictWriter(text, ordered or ["image"], restval="", lineterminator="\n")
    writer.writeheader()
    for image_id, columns in measured.items():
        writer.writerows({"image": image_id} | row for row in _rows(columns))
    write_text(path, text.getvalue())


def _rows(columns: Columns) -> Iterator[dict[str, object]]:
    lists: Iterable[list[object]] = [_texts(column) for column in columns.values()]
    for values in zip(*lists, strict=True):
        yield dict(zip(columns, values, strict=True))


def _texts(column: npt.NDArray[np.generic]) -> list[object]:
    """Numbers with ten digits, more than is ever measured; 0 and 1 of truths."""
    if column.dtype.kind == "b":
        return list(column.astype(np.int64).tolist())
    if column.dtype.kind == "f":
        return [f"{value:.10g}" for value in column.tolist()]
    return list(column.tolist())
