"""Files that are whole or absent: written under a temporary name, flushed to disk, renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

LOCK = ".lock"
"""Name of the empty file by which a folder is locked; it stays there, as deleting it would let two
processes lock two files of the same name.
"""

RENAME_TRIES = 10

_CANNOT_FLUSH = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
"""What some network and FUSE mounts answer to a flush."""


@contextlib.contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a binary file for writing that appears under `path` when the block ends without error.

    The data is flushed to disk before the rename and the folder after it, so a power cut leaves the
    old file or the new one, never a torn one, and the new one once the block has ended.
    `durable=False` saves the flushes where only tearing matters. Missing parent folders are made.
    On any error the temporary file is removed and `path` is untouched. What is not essential may be
    refused: mounts of SMB, gvfs and exFAT refuse to change who may read a file.

    Raises
    ------
    OSError
        Disk full, no permission, ...; `filename` is `path`.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = None
    try:
        # not named after `path`, whose name may be as long as the file system allows
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if durable:
                flush_to_disk(file)
        let_all_read(temporary, 0o644)
        rename(temporary, path, durable=durable)
        for folder in made if durable else ():
            _flush_folder(folder.parent)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and str(error.filename or ".part").endswith(".part"):
            error.filename = str(path)  # the user does not know the temporary file
        raise


def let_all_read(path: Path, mode: int) -> None:
    """Give a file or folder of ours this mode, where its mount knows modes."""
    with contextlib.suppress(OSError):
        path.chmod(mode)


def flush_to_disk(file: BinaryIO) -> None:
    """Wait until the file's data is on disk, where its mount can flush.

    Raises
    ------
    OSError
        Disk full, a damaged disk.
    """
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise


def rename(old: Path, new: Path, *, durable: bool = True) -> None:
    """Rename a file, replacing `new`; when `durable`, it is on disk when this returns."""
    for tries_left in reversed(range(RENAME_TRIES)):
        try:
            old.replace(new)
            break
        except PermissionError:  # on Windows, while another process reads `new`
            if not tries_left:
                raise
            time.sleep(0.02)
    if durable:
        _flush_folder(new.parent)


def _flush_folder(folder: Path) -> None:
    """Flush the names in a folder, where the system can (not Windows, not some network disks)."""
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
    """Lock a folder until the block ends; others who ask for the same lock wait.

    A killed process releases its locks. Do not ask for the same lock inside the block. Where locks
    are not possible (a read-only folder, some network disks) nobody waits.
    """
    lock = FileLock(folder / LOCK, mode=0o666)  # whoever may write in the folder may lock it
    with contextlib.suppress(OSError, NotImplementedError):
        lock.acquire(poll_interval=0.01)
    try:
        yield
    finally:
        lock.release()


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data` to `path`, whole or not at all (see `atomic_file`)."""
    with atomic_file(path, durable=durable) as file:
        file.write(data)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all (see `atomic_file`)."""
    write_bytes(path, text.encode(), durable=durable)
