"""Which series of a tif are its pictures, and whether all of their planes are in the file.

tifffile groups the pages of a tif into series and names those of slide scanners; it warns of planes
that are missing, and gives zeros for them.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tifffile

from seminar.errors import DatasetError

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # we report damage ourselves

EXTRAS = frozenset(("thumbnail", "label", "label image", "macro", "macro image", "map", "overview"))
"""Names of series that show the slide or the picture once more, in lower case: as tifffile 2026.3
names those of Aperio, Hamamatsu, PerkinElmer, Philips and Ventana, and Bio-Formats' SVSReader those
of an OME-TIFF that it converts.
"""

SUB_PAGES = 330
"""Tag of the sub-pages of a page, such as its smaller versions."""

MAX_SUB_PAGES = 1000

WITHOUT_METADATA = ("generic", "uniform")
"""Kinds of series that are made from the pages alone."""

WITH_GAPS = ("ome", "mmstack", "ndtiff")
"""Kinds of series in which tifffile 2026.3 gives zeros for planes that are not there."""


class _Alone(io.BufferedReader):
    """A file without a descriptor: tifffile does not look for the other files of a set then.

    With it, every file of a Micro-Manager dataset would be read as the whole dataset, and every
    file of an OME-TIFF set as the whole image.
    """

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


@contextlib.contextmanager
def open_tif(path: Path) -> Iterator[tifffile.TiffFile]:
    """A tif without the other files of a set that it may belong to."""
    with _Alone(io.FileIO(path)) as file, tifffile.TiffFile(file, name=path.name) as tif:
        refuse_tangled(tif)
        yield tif


def pictures(tif: tifffile.TiffFile, path: Path) -> list[Any]:
    """The series of a tif without its thumbnails, masks, and photographs of the slide's label.

    Raises
    ------
    DatasetError
        The metadata name planes that the file does not hold.
    ValueError
        No picture.
    """
    found = list(tif.series)
    if not found:
        raise ValueError("no image in the file")
    kept = [one for one in found if not _is_extra(one)] or found[:1]
    if tif.is_imagej and not tif.is_ome and kept[0].kind in WITHOUT_METADATA:
        raise _missing(path, "its ImageJ description names more planes than the file holds")
    for series in kept:
        # planes behind each other, of which the first alone has a page
        start = series.dataoffset if series.nbytes > series.keyframe.nbytes else None
        if start is not None and start + series.nbytes > tif.filehandle.size:
            raise _missing(path, "its description names more planes than the file holds")
        planes = list(series) if series.kind in WITH_GAPS else []
        if gaps := sum(plane is None or not any(plane.databytecounts) for plane in planes):
            where = f" but in {others}" if (others := _other_files(tif, path)) else ""
            count = f"names {len(planes):,} planes, {gaps:,} of them not in the file{where}"
            raise _missing(path, f"its metadata {count}")
    return kept


def _is_extra(series: Any) -> bool:
    page = series.keyframe
    return page.is_reduced or page.is_mask or series.name.strip().lower() in EXTRAS


def _missing(path: Path, what: str) -> DatasetError:
    return DatasetError(
        f"{path}: {what}; get a whole copy, or save the whole image as one file (to read the pages "
        "that are there and no others, remove the description: `tiffcomment --set - FILE` of the "
        "package tifffile)"
    )


def _other_files(tif: tifffile.TiffFile, path: Path) -> str:
    """The files of the same set, as OME-XML names them."""
    named = re.findall(r'FileName="([^"]+)"', tif.ome_metadata or "")
    others = sorted(set(named) - {path.name})
    return ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")


def refuse_tangled(tif: tifffile.TiffFile) -> None:
    """Raise a ValueError if pages overlap or form a circle, which tifffile would follow for hours.

    A few damaged bytes are enough for that.
    """
    file, order = tif.filehandle, tif.byteorder
    number, offset_type, entry = ("Q", "Q", 20) if tif.is_bigtiff else ("H", "I", 12)
    head = struct.Struct(order + number)
    link = struct.Struct(order + offset_type)
    file.seek(8 if tif.is_bigtiff else 4)
    (offset,) = link.unpack(file.read(link.size))
    used = 0
    while 0 < offset < file.size:
        file.seek(offset)
        (count,) = head.unpack(file.read(head.size))
        used += head.size + count * entry + link.size
        if used > file.size:
            raise ValueError("the pages overlap or go round in circles")
        entries = file.read(count * entry)
        for start in range(0, len(entries) - entry + 1, entry):
            tag, _, values = struct.unpack_from(order + "HH" + offset_type, entries, start)
            if tag == SUB_PAGES and values > MAX_SUB_PAGES:
                raise ValueError(f"a page has {values} pages below it")
        following = file.read(link.size)
        offset = link.unpack(following)[0] if len(following) == link.size else 0
