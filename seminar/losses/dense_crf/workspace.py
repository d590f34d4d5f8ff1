"""Buffers that stay between calls, because a fresh one costs a page fault every 4 kB."""

from __future__ import annotations

import math
import threading

import torch
from torch import Tensor


class Workspace(threading.local):
    """Scratch memory by name; each thread has its own, and what a name held before is overwritten."""

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

    def clear(self) -> None:
        """Give the memory of this thread back."""
        self._buffers.clear()


workspace = Workspace()
