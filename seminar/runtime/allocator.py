"""How the C library handles freed memory: kept during a computation, returned after it."""

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
_is_allowed = False


def allow_retuning() -> None:
    """Let `kept_memory` change the allocator of this process, which must be one of our own.

    The command line and the workers of a cluster call this. A program that imports `seminar` as a
    library keeps its allocator as it is.
    """
    global _is_allowed
    _is_allowed = True


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory for the next array within the block; return all of it at the end.

    A network on a CPU frees and takes hundreds of megabytes a tile. By default glibc returns them
    each time, and the system clears every page again, which took a third of the time on a virtual
    machine. (Training would gain a tenth, but where memory is short the kept pieces leave no room
    for whole batches.) Blocks may be nested. Nothing happens without `allow_retuning`, or where
    the C library is not glibc.
    """
    if not _is_allowed:
        yield
        return
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
    """Return freed pieces to the system.

    This takes some milliseconds: call it once a second, not once an array.
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
