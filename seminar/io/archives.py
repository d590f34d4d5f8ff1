"""Zip files from elsewhere, looked at before anything in them is unpacked."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath

from seminar.errors import SeminarError

MAX_BYTES = 16 * 2**30
"""Largest content, unpacked: weights of any network that we know are far below."""

MAX_RATIO = 200
"""Largest ratio of unpacked to packed size; weights and images stay below 20."""

MAX_MEMBERS = 10_000


def check_archive(path: Path) -> None:
    """Refuse a zip whose members lead out of its folder, are links or devices, or unpack to far
    more than they should.

    Works from the table of contents alone; nothing is unpacked.

    Raises
    ------
    SeminarError
        One sentence with the member.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except FileNotFoundError:
        raise SeminarError(f"{path}: no such file; check the name") from None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise SeminarError(
            f"{path}: not readable as a zip ({str(error)[:100]}); get a whole copy"
        ) from None
    fault = _fault(members, path.stat().st_size)
    if fault:
        raise SeminarError(
            f"{path}: {fault}, so it is not opened; get the file from a source you trust"
        )


def _fault(members: list[zipfile.ZipInfo], packed: int) -> str:
    if len(members) > MAX_MEMBERS:
        return f"it has {len(members):,} members, at most {MAX_MEMBERS:,} are expected"
    seen: set[str] = set()
    for member in members:
        name = ascii(member.filename)[1:-1][:80]
        pure = PurePosixPath(member.filename.replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts or ":" in member.filename or not pure.parts:
            return f"its member '{name}' leads out of the archive"
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            return f"its member '{name}' is a link or a device, not a file"
        if member.filename in seen:
            return f"its member '{name}' is there twice"
        seen.add(member.filename)
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_BYTES or unpacked > MAX_RATIO * max(packed, 2**20):
        return f"it would unpack to {unpacked:,} bytes"
    return ""
