"""Files that are either whole or absent: written under a temporary name, flushed to disk, renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

RENAME_TRIES = 10


@contextlib.contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a binary file for writing that appears under `path` only when the block ends well.

    The data is flushed to disk before the rename, so a power cut leaves the old file or the new one, never a torn one.
    `durable=False` saves the flush where only tearing matters. Missing parent folders are made. On any error the temporary file is removed and `path` is untouched.

    Raises
    ------
    OSError
        Disk full, no permission, ... as the operating system says it; `filename` is `path`.
    """
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
        _rename(temporary, path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and str(error.filename or ".part").endswith(".part"):
            error.filename = str(path)  # a person knows nothing of the temporary file
        raise


def _rename(temporary: Path, path: Path) -> None:
    """Windows refuses while another process reads `path`, which is over in a moment."""
    for _ in range(RENAME_TRIES - 1):
        try:
            temporary.replace(path)
            return
        except PermissionError:
            time.sleep(0.02)
    temporary.replace(path)


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data` to `path`, whole or not at all (see `atomic_file`)."""
    with atomic_file(path, durable=durable) as file:
        file.write(data)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all (see `atomic_file`)."""
    write_bytes(path, text.encode(), durable=durable)
