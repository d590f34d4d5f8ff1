"""Where to compute, and in which precision."""

from __future__ import annotations

import contextlib
import os

import psutil
import torch

from seminar.errors import SeminarError


def pick_device(name: str) -> torch.device:
    """The device called "cpu", "cuda", "cuda:1", "mps", or "auto": the first that works.

    Raises
    ------
    SeminarError
        No device has this name, or this machine has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda", "mps"):
            raise RuntimeError(f"{device.type} is not supported")
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SeminarError(
            f"device '{name}': not usable here ({reason}); choose auto, cpu, cuda, cuda:1 or mps"
        ) from None
    return device


def use_threads(processes: int = 1) -> int:
    """Let torch use all CPU cores but one, and return their number.

    The last core stays free for the window and the loader. `processes` on this machine share the
    others.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    threads = max(1, (cores - 1) // processes)
    torch.set_num_threads(threads)
    return threads


def describe(device: torch.device) -> str:
    """The device in words: "cpu (7 threads)", "cuda:0 (NVIDIA H200)"."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu ({threads} thread{'s' if threads > 1 else ''})"
    return str(device)


def mixed_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """bfloat16 autocast on CUDA devices that support it, nothing elsewhere.

    bfloat16 needs no loss scaling.
    """
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def memory_in_use(device: torch.device) -> int:
    """Bytes: device memory on CUDA, resident memory of this process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return int(psutil.Process().memory_info().rss)


_NO_ROOM_FOR_CODE = "could not create a primitive"
"""Message of oneDNN, which compiles its kernels when they are needed."""

_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cannot allocate memory",
    _NO_ROOM_FOR_CODE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _OUT_OF_MEMORY)


def avoid_failed_onednn(error: BaseException) -> None:
    """Use PyTorch's own kernels from now on if oneDNN found no memory for its code.

    Call this before another try with less memory. After such a failure a thread can compile no
    kernel any more, however much memory is free. A step then takes about five times as long.
    """
    if _NO_ROOM_FOR_CODE in str(error).lower():
        torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
