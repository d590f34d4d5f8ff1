"""Zip files from elsewhere (weights, model packages), checked before anything in them is read."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath

from seminar.errors import SeminarError

MAX_BYTES = 16 * 2**30
"""Largest unpacked content; the weights of all networks known to us are far smaller."""

MAX_RATIO = 200
"""Largest ratio of unpacked to packed size; weights and images stay below 20."""


def check_archive(path: Path) -> None:
    """Refuse a zip whose members lead out of its folder, are links, or unpack to far too much.

    Only the table of contents is read; nothing is unpacked.

    Raises
    ------
    SeminarError
        Such a zip, named with its member, or a file that is not a readable zip.
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
    unpacked = sum(member.file_size for member in members)
    faults = [fault for member in members if (fault := _member_fault(member))]
    if unpacked > MAX_BYTES or unpacked > MAX_RATIO * max(path.stat().st_size, 2**20):
        faults.append(f"it would unpack to {unpacked:,} bytes")
    if faults:
        raise SeminarError(
            f"{path}: {faults[0]}, so it is not opened; get the file from a source you trust"
        )


def _member_fault(member: zipfile.ZipInfo) -> str:
    name = ascii(member.filename)[1:-1][:80]
    pure = PurePosixPath(member.filename.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or ":" in member.filename or not pure.parts:
        return f"its member '{name}' leads out of the archive"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return f"its member '{name}' is a link or a device, not a file"
    return ""
