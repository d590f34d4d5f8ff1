"""Memory that stays between calls, and a thread for each image of a batch."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")


class Workspace(threading.local):
    """Scratch memory by name, because a fresh buffer costs a page fault every 4 kB.

    Each thread has its own; what a name held before is overwritten.
    """

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, torch.device, torch.dtype], Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return an uninitialised tensor of this shape with the device and dtype of ``like``."""
        size = math.prod(shape)
        key = (name, like.device, like.dtype)
        buffer = self._buffers.get(key)
        if buffer is None or buffer.numel() < size:
            buffer = torch.empty(size, dtype=like.dtype, device=like.device)
            self._buffers[key] = buffer
        return buffer[:size].view(shape)


workspace = Workspace()


class _Crew:
    """The threads of this process: a forked loader worker starts its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._made_for = (0, 0)  # process, threads

    def pool(self, threads: int) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None or self._made_for != (os.getpid(), threads):
                self._pool = ThreadPoolExecutor(
                    threads,
                    thread_name_prefix="dense_crf",
                    initializer=torch.set_num_threads,
                    initargs=(1,),
                )
                self._made_for = (os.getpid(), threads)
            return self._pool


_crew = _Crew()


def for_each_image(work: Callable[[int], Result], images: int) -> list[Result]:
    """Call ``work(i)`` for every image, an image to a thread, as many threads as torch has here.

    The kernels are too small to share: two threads to each operation took 3 times as long on a busy
    machine of two cores, where every operation waits for its slower thread; and on some processors
    they add up in another order, so that an image alone would differ in its last bits from the same
    one in a batch. ``torch.set_num_threads(1)`` in the caller (as a loader worker has it) keeps the
    work in the caller's thread.
    """
    if torch.get_num_threads() == 1:
        return [work(i) for i in range(images)]
    return list(_crew.pool(torch.get_num_threads()).map(work, range(images)))
