"""A file with clicks, read once and with care: size, JSON, CSV and XML.

XML is read by expat with document types refused, so that no entity is expanded and no other file
or address is opened.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeGuard
from xml.parsers import expat

from seminar.errors import DatasetError
from seminar.io.images import explained

MAX_BYTES = 2**29
"""Largest file that is read; 100,000 clicks are about 10 MB in the wordiest of the formats."""

MAX_COORDINATE = 1e9
"""Larger numbers are no pixels; JSON can hold some that overflow."""

HEAD = 4096

csv.field_size_limit(2**20)

XmlStart = Callable[[str, Mapping[str, str]], object]
XmlEnd = Callable[[str, str], object]


class Source:
    """A file; `where` names it in messages."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ending = path.suffix.lower()

    def __str__(self) -> str:
        return str(self.path)

    @cached_property
    def data(self) -> bytes:
        """The whole file.

        Raises
        ------
        DatasetError
            No such file, no permission, empty, or larger than `MAX_BYTES`.
        """
        with explained(self.path):
            if self.path.is_dir():
                raise DatasetError(f"{self}: a folder; name the files with clicks in it")
            size = self.path.stat().st_size
            if size > MAX_BYTES:
                raise DatasetError(
                    f"{self}: {size:,} bytes are more than the {MAX_BYTES:,} that a file with "
                    "clicks may have; export the images in parts"
                )
            data = self.path.read_bytes()
        if not data.strip():
            raise DatasetError(f"{self}: an empty file; export the clicks again")
        return data

    @cached_property
    def json(self) -> object:
        """The file as JSON; a `DatasetError` where it is none."""
        try:
            return json.loads(self.data)
        except (ValueError, RecursionError) as error:
            raise DatasetError(
                f"{self}: not readable as JSON ({str(error)[:100]}); export the clicks again"
            ) from None

    @cached_property
    def columns(self) -> list[str]:
        """Names in the first line of a CSV; none where there is no such line."""
        try:
            return [name.strip() for name in next(self._lines(), [])]
        except csv.Error:
            return []

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        """The lines of a CSV below its first, by the names in the first.

        Raises
        ------
        DatasetError
            Damaged, or lines of other lengths than the first.
        """
        header = self.columns
        rows = []
        try:
            for number, line in enumerate(self._lines(), start=1):
                if number == 1 or not any(line):
                    continue
                if len(line) != len(header):
                    raise DatasetError(
                        f"{self}, line {number}: {len(line)} values, but the first line names "
                        f"{len(header)}; export the clicks again"
                    )
                rows.append(dict(zip(header, line, strict=True)))
        except csv.Error as error:
            raise DatasetError(
                f"{self}: not readable as CSV ({str(error)[:100]}); export the clicks again"
            ) from None
        return rows

    def _lines(self) -> Iterator[list[str]]:
        try:
            text = self.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = self.data.decode("latin-1")  # ImageJ on Windows; only a unit or a name has any
        first = text.partition("\n")[0]
        return csv.reader(io.StringIO(text, newline=""), delimiter=max(",\t;", key=first.count))

    @cached_property
    def root(self) -> str:
        """Name of the outermost element of an XML file; empty if none is near the start."""
        found = re.search(rb"<([A-Za-z_][\w.-]*)", self.data[:HEAD])
        return found[1].decode() if found else ""

    def parse_xml(self, start: XmlStart, end: XmlEnd | None = None) -> None:
        """Call `start(name, attributes)` and `end(name, text)` for each element.

        Raises
        ------
        DatasetError
            Damaged, or with a document type declaration.
        """
        text: list[str] = []
        parser = expat.ParserCreate()
        parser.buffer_text = True

        def refuse(*_: object) -> None:
            raise DatasetError(
                f"{self}: it declares a document type, which no program writes into clicks and "
                "which can stand for other files; remove the line <!DOCTYPE"
            )

        parser.StartDoctypeDeclHandler = refuse
        parser.EntityDeclHandler = refuse
        if end is None:
            parser.StartElementHandler = start
        else:

            def starts(name: str, attributes: Mapping[str, str]) -> None:
                text.clear()
                start(name, attributes)

            def ends(name: str) -> None:
                end(name, "".join(text).strip())
                text.clear()

            parser.StartElementHandler = starts
            parser.EndElementHandler = ends
            parser.CharacterDataHandler = text.append
        try:
            parser.Parse(self.data, True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise DatasetError(
                f"{self}: not readable as XML ({str(error)[:100]}); export the clicks again"
            ) from None


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value of JSON is a number that can be a coordinate."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= MAX_COORDINATE  # False for NaN


def as_number(text: str) -> float | None:
    """A number from the text of a CSV or XML; None where it is none that can be a coordinate."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= MAX_COORDINATE else None


def as_index(text: str) -> int | None:
    """A whole number, 0 or more, from text; "2.0" counts; None for anything else."""
    value = as_number(text)
    return int(value) if value is not None and value >= 0 and value.is_integer() else None


def size_of(width: object, height: object) -> tuple[int, int] | None:
    """(height, width) where both are whole numbers that an image can have."""
    if type(width) is int and type(height) is int and 0 < width < 2**31 and 0 < height < 2**31:
        return height, width
    return None


def cut(value: object) -> str:
    """A value for messages."""
    return ascii(value)[:80]
