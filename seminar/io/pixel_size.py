"""How large a pixel is, where an image file says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile

from seminar.io.images import explained
from seminar.io.tif_series import open_tif

MICROMETRES: Mapping[str, float] = {
    **dict.fromkeys(("µm", "μm", "um", "\\u00b5m", "micron", "microns", "micrometer"), 1.0),
    **dict.fromkeys(("å", "angstrom"), 1e-4),
    **dict.fromkeys(("nm", "nanometer"), 1e-3),
    **dict.fromkeys(("mm", "millimeter"), 1e3),
    **dict.fromkeys(("cm", "centimeter"), 1e4),
    **dict.fromkeys(("inch", "inches", "in"), 25_400.0),
    **dict.fromkeys(("m", "meter"), 1e6),
}
"""Micrometres of a unit of length, by its name in lower case: as ImageJ writes it, OME-XML and
OME-Zarr.
"""

X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
"""Tags of a tif: pixels per unit, as a fraction."""

CENTIMETRE = 3
"""Of `RESOLUTION_UNIT`. In a tif without other metadata it is what programs of microscopes and
slide scanners write; inches are for printers, and often an invented 72 a pixel.
"""


@dataclass(frozen=True)
class PixelSize:
    """Height and width of a pixel in micrometres."""

    height: float
    width: float


def read_pixel_size(path: Path) -> PixelSize | None:
    """The size of a pixel of a tif: from OME-XML, from ImageJ's metadata, or from its resolution in
    centimetres. None where it says nothing, and for jpg and png, which only know printers.

    Raises
    ------
    DatasetError
        Not readable as a tif.
    """
    if path.suffix.lower() not in (".tif", ".tiff"):
        return None
    with explained(path), open_tif(path) as tif:
        if tif.is_ome:
            return _of_ome(tif.ome_metadata or "")
        page = tif.pages.first
        if tif.is_imagej:
            unit = (tif.imagej_metadata or {}).get("unit", "")
        elif page.tags.valueof(RESOLUTION_UNIT) == CENTIMETRE:
            unit = "cm"
        else:
            return None
        lengths = [_inverse(page.tags.valueof(tag)) for tag in (Y_RESOLUTION, X_RESOLUTION)]
    return _pixel_size(lengths, (unit, unit))


def _of_ome(text: str) -> PixelSize | None:
    described: Any = tifffile.xml2dict(text).get("OME", {}).get("Image", {})
    first = described[0] if isinstance(described, list | tuple) and described else described
    pixels = first.get("Pixels", {}) if isinstance(first, Mapping) else {}
    return _pixel_size(
        [pixels.get(f"PhysicalSize{axis}") for axis in "YX"],
        [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "YX"],
    )


def _pixel_size(lengths: Any, units: Any) -> PixelSize | None:
    """In micrometres; None unless both are lengths."""
    found = [
        float(length) * MICROMETRES.get(str(unit).strip().lower(), math.nan)
        if isinstance(length, int | float)
        else math.nan
        for length, unit in zip(lengths, units, strict=True)
    ]
    return PixelSize(*found) if all(0 < length < math.inf for length in found) else None


def _inverse(fraction: object) -> float:
    match fraction:
        case (int(pixels), int(units)) if pixels and units:
            return units / pixels
    return math.nan
