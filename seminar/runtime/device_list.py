"""The devices of this machine, and why others cannot be used."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import psutil
import torch

from seminar.runtime.device_facts import Device


def find_devices() -> tuple[Device, ...]:
    """All devices; of CUDA (or ROCm) and of a Mac, an entry that says why there is none."""
    return *_cuda_devices(), *_mps_devices(), _cpu()


def _cpu() -> Device:
    threads = torch.get_num_threads()
    memory = psutil.virtual_memory()
    title = f"{_processor() or platform.machine()}, {threads} thread{'s' * (threads > 1)}"
    return Device("cpu", title, memory.available, memory.total)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _cuda_devices() -> tuple[Device, ...]:
    problem = ""
    if torch.version.cuda is None and torch.version.hip is None:
        problem = "this PyTorch is built for the CPU only; install a CUDA build from pytorch.org"
    elif not torch.cuda.is_available():
        problem = "no GPU or no driver found; check nvidia-smi"
    if problem:
        return (Device("cuda", "NVIDIA GPU", problem=problem),)
    return tuple(_cuda_device(index) for index in range(torch.cuda.device_count()))


def _cuda_device(index: int) -> Device:
    """The GPU, tried with a small computation."""
    name, title = f"cuda:{index}", torch.cuda.get_device_name(index)
    try:
        free, total = torch.cuda.mem_get_info(index)
        probe = torch.ones(8, 8, device=name)
        (probe @ probe).sum().item()
    except (RuntimeError, AssertionError) as error:
        return Device(name, title, problem=str(error).strip().splitlines()[0])
    return Device(name, title, free, total)


def _mps_devices() -> tuple[Device, ...]:
    if sys.platform != "darwin":
        return ()
    if torch.backends.mps.is_available():
        memory = psutil.virtual_memory()
        return (Device("mps", "Apple GPU", memory.available, memory.total),)
    problem = "this PyTorch is built without it"
    if torch.backends.mps.is_built():
        problem = "needs macOS 12.3 or newer on an Apple GPU"
    return (Device("mps", "Apple GPU", problem=problem),)
