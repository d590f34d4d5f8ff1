"""What the C library does with memory that is free: it returns and asks for the same pages again
and again, or keeps them when nobody wants them.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections.abc import Iterator

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""Names of glibc's settings in malloc.h."""

_KEEP = {_TRIM_THRESHOLD: 2**31 - 1, _MMAP_MAX: 0}
_USUAL = {_TRIM_THRESHOLD: 2**26, _MMAP_MAX: 2**16, _MMAP_THRESHOLD: 2**25}
"""Where glibc's own adjustment ends in a process that has freed large arrays."""

_lock = threading.Lock()
_blocks = 0  # of `kept_memory` that are open, in any thread


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Within the block what is freed stays at hand for the next array; at its end all that is free
    goes back to the system.

    A network on a CPU frees and takes hundreds of megabytes a tile. Left alone, glibc returns them
    each time, and the system clears every page anew, which took a third of the time on a virtual
    machine. (Training would gain a tenth, but where memory is short pieces that are kept leave no
    room for whole batches.) Elsewhere than on Linux with glibc nothing happens. Blocks may lie in
    each other; the outermost one counts.
    """
    _enter(1)
    try:
        yield
    finally:
        _enter(-1)


def _enter(step: int) -> None:
    global _blocks
    with _lock:
        _blocks += step
        if _blocks == 1 and step > 0:
            _set(_KEEP)
        elif not _blocks:
            _set(_USUAL)
            hand_back_memory()


def hand_back_memory() -> None:
    """Return to the system what was freed and kept in pieces: some milliseconds, so once a
    second, not once an array.
    """
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _set(values: dict[int, int]) -> None:
    change = _function("mallopt")
    if change is not None:
        for name, value in values.items():
            change(name, value)


def _function(name: str) -> ctypes._NamedFuncPointer | None:
    """A function of glibc; None where the C library is another."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return getattr(library, name, None) if hasattr(library, "gnu_get_libc_version") else None
