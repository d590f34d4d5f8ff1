"""Files that are either whole or absent: written under a temporary name, flushed to disk,
renamed.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

RENAME_TRIES = 10


@contextlib.contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a binary file for writing that appears under `path` only when the block ends well.

    The data is flushed to disk before the rename and the folder after it, so a power cut leaves the
    old file or the new one, never a torn one, and the new one once the block has ended.
    `durable=False` saves the flushes where only tearing matters. Missing parent folders are made.
    On any error the temporary file is removed and `path` is untouched.

    Raises
    ------
    OSError
        Disk full, no permission, ... as the operating system says it; `filename` is `path`.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = None
    try:
        descriptor, name = tempfile.mkstemp(
            prefix=".", suffix=".part", dir=path.parent
        )  # short: the name may be at the limit
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.chmod(0o644)
        rename(temporary, path, durable=durable)
        for folder in made if durable else ():
            _flush_folder(folder.parent)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and str(error.filename or ".part").endswith(".part"):
            error.filename = str(path)  # a person knows nothing of the temporary file
        raise


def rename(old: Path, new: Path, *, durable: bool = True) -> None:
    """Rename a file, in place of `new` where that exists; when `durable`, on disk when this
    returns.
    """
    for tries_left in reversed(range(RENAME_TRIES)):
        try:
            old.replace(new)
            break
        except (
            PermissionError
        ):  # Windows refuses while another process reads `new`, which is over in a moment
            if not tries_left:
                raise
            time.sleep(0.02)
    if durable:
        _flush_folder(new.parent)


def _flush_folder(folder: Path) -> None:
    """A name is on disk when its folder is; where the system cannot flush folders (Windows, some
    network disks) nothing is done.
    """
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep everybody else who asks for the same folder waiting until the block ends; a killed
    process lets go by itself.

    Do not ask for it inside the block. Where there are no such locks (Windows, some network disks)
    nobody waits.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data` to `path`, whole or not at all (see `atomic_file`)."""
    with atomic_file(path, durable=durable) as file:
        file.write(data)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all (see `atomic_file`)."""
    write_bytes(path, text.encode(), durable=durable)
