"""Where the images in an OME-Zarr are, known by its metadata and not by its name.

An OME-Zarr is one image, or a group with images in it, in whatever layout its writer chose:

| written by | where its images are |
|---|---|
| most programs | the folder itself |
| bioformats2raw (its layout 3) | groups "0", "1", ... beside "OME", also for a single image |
| any writer of a plate (NGFF) | ROW/COLUMN/FIELD |
| spatialdata | images/NAME, beside label images in labels/NAME |

So they are looked for, not taken from the lists of names in the metadata: a plate that was copied
in part has wells that are not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ZARR_ENDING = ".zarr"

MAX_DEPTH = 4
"""An image lies at most so many groups deep; in a plate, three."""

GROUP_FILES = ("zarr.json", ".zgroup", ".zattrs")

NOT_IMAGES = ("labels", "OME")
"""Groups with label images, and with metadata."""


def is_zarr(path: Path) -> bool:
    """Whether a path is an OME-Zarr: a folder with zarr's metadata, or named as one."""
    if path.suffix.lower() == ZARR_ENDING:
        return True
    return any((path / name).is_file() for name in (*GROUP_FILES, ".zarray"))


def images_in(path: Path) -> list[Path]:
    """The images of an OME-Zarr in the order of their names; the path itself if there are none."""
    return list(_images(path, MAX_DEPTH)) or [path]


def zarr_root(path: Path) -> Path:
    """The outermost group that a group lies in."""
    root = path
    while root.parent != root and any((root.parent / name).is_file() for name in GROUP_FILES):
        root = root.parent
    return root


def groups_above(path: Path) -> list[Path]:
    """A group and those that it lies in, up to its root."""
    root = zarr_root(path)
    return [path, *(folder for folder in path.parents if folder.is_relative_to(root))]


def _images(path: Path, depth: int) -> Iterator[Path]:
    kind, attributes = _metadata(path)
    if "multiscales" in attributes:
        yield path
    elif depth and kind == "group":
        children = [entry for entry in path.iterdir() if entry.is_dir()]
        for child in sorted(children, key=lambda entry: _in_numbers(entry.name)):
            if child.name not in NOT_IMAGES:
                yield from _images(child, depth - 1)


def _metadata(path: Path) -> tuple[str, dict[str, Any]]:
    """ "group", "array" or "", and the attributes of OME."""
    if (path / ".zarray").is_file():
        return "array", {}
    described = _json(path / "zarr.json")
    if described:
        attributes = described.get("attributes", {})
        kind = str(described.get("node_type"))
    else:
        attributes = _json(path / ".zattrs")
        kind = "group" if any((path / name).is_file() for name in GROUP_FILES) else ""
    ome = attributes.get("ome", attributes) if isinstance(attributes, dict) else {}
    return kind, ome if isinstance(ome, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _in_numbers(name: str) -> list[tuple[int, str]]:
    """Sorts 2 before 10."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part) if part.isdecimal() else -1, part) for part in parts]
