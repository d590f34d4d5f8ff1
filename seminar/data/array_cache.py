"""Decoded images and label maps in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

CACHE_BYTES = 300_000_000
"""Most that is kept in memory."""

_Value = TypeVar("_Value")


class ArrayCache:
    """Arrays by key; beyond `CACHE_BYTES` the least recently used are dropped. Thread-safe."""

    def __init__(self) -> None:
        self._arrays: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str], read: Callable[[], _Value]) -> _Value:
        """The array of this key, from `read` where it is not in memory."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                value: _Value = self._arrays[key]
                return value
        fresh = read()
        array: Any = fresh
        with self._lock:
            if key not in self._arrays:
                self._arrays[key] = array
                self._bytes += array.nbytes
            while self._bytes > CACHE_BYTES and len(self._arrays) > 1:
                self._bytes -= self._arrays.popitem(last=False)[1].nbytes
        return fresh
