"""File names: allowed on Windows, macOS and Linux, and found by patterns."""

from __future__ import annotations

import glob
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

MAX_NAME_BYTES = 200
"""Longest image id in UTF-8; file systems allow 255, and endings need room."""

NAMES_SHOWN = 5
"""A sentence about many images names so many of them."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def name_fault(name: str) -> str:
    """Why `name` cannot be an image id or the name of a run; empty if it can.

    Refused are names that lead out of their folder, break a line of a split file, or are hidden:
    empty, '..', a leading '.', '/', '\\\\', control characters, spaces at the ends, more than
    `MAX_NAME_BYTES`.
    """
    if not name:
        return "it is empty"
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        return "it holds a control character or a line break"
    if "/" in name or "\\" in name:
        return "it holds a slash, so it would point to another folder"
    if name.startswith("."):
        return "it starts with a dot, so it would be hidden or point to another folder"
    if name != name.strip():
        return "it starts or ends with a space, which a split file does not keep"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    return ""


def portability_fault(name: str) -> str:
    """Why a file of this name cannot be copied to every system; empty if it can."""
    if found := sorted(set(name) & set('<>:"|?*')):
        return f"it holds {found[0]}, which Windows does not allow"
    if name.endswith("."):
        return "it ends with a dot, which Windows drops"
    if _RESERVED.fullmatch(name):
        return "Windows keeps this name for itself"
    return ""


def same_name(name: str) -> str:
    """Equal for names that are the same on Windows or macOS: case and accents are normalised."""
    return unicodedata.normalize("NFC", name).casefold()


def shown(name: str) -> str:
    """A name for messages: control characters escaped, long names cut."""
    text = "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in name
    )
    return text if len(text) <= 100 else f"{text[:97]}..."


def names_of(ids: Sequence[str], what: str = "image") -> str:
    """The first few ids, and how many there are."""
    first = [shown(image_id) for image_id in ids[:NAMES_SHOWN]]
    more = ["..."] if len(ids) > NAMES_SHOWN else []
    return f"{len(ids)} {what}{'s' if len(ids) > 1 else ''} ({', '.join(first + more)})"


def files_like(pattern: str) -> list[Path]:
    """Sorted files and folders that a pattern with ``* ? []`` and ``**`` names.

    Brackets in the name of a folder that is there mean themselves (``plate[1]/*.tif``), and so do
    all brackets where the pattern matches nothing otherwise.
    """
    folder, rest = Path(), Path(pattern)
    for part in Path(pattern).parts[:-1]:
        if not (folder / part).is_dir():
            break
        folder, rest = folder / part, Path(*rest.parts[1:])
    rests = str(rest), str(rest).replace("[", "[[]")
    known = glob.escape(str(folder / "x"))[:-1] if folder.parts else ""
    for found in (glob.glob(known + each, recursive=True) for each in rests):
        if found:
            return [Path(name) for name in sorted(found)]
    return []
