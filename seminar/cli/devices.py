"""`seminar devices`: what this machine can train on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated

import typer


@dataclass(frozen=True)
class Device:
    """A device that `--device` takes, or one that is missing and why.

    Attributes
    ----------
    name : str
        As `--device` takes it: cpu, cuda:0, mps.
    title : str
        What it is, in words.
    free_bytes, total_bytes : int
        Memory; 0 where unknown.
    problem : str
        Why it cannot be used; empty where it can.
    """

    name: str
    title: str
    free_bytes: int = 0
    total_bytes: int = 0
    problem: str = ""


def devices(
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON instead of text")
    ] = False,
) -> None:
    """List the devices to train on.

    Shows their memory, and why others cannot be used.
    """
    found = (*cuda_devices(), *mps_devices(), cpu_device())
    if as_json:
        print(json.dumps([asdict(device) for device in found]))
        return
    for device in found:
        memory = (
            f", {device.free_bytes / 2**30:.1f} of {device.total_bytes / 2**30:.1f} GB free"
            if device.total_bytes
            else ""
        )
        print(
            f"{device.name:8} {device.title}{memory}"
            + (f"  (not usable: {device.problem})" if device.problem else "")
        )


def cpu_device() -> Device:
    """The processor, always usable."""
    import platform

    import psutil
    import torch

    threads = torch.get_num_threads()
    memory = psutil.virtual_memory()
    return Device(
        "cpu",
        f"{_processor() or platform.machine()}, {threads} thread{'s' * (threads > 1)}",
        memory.available,
        memory.total,
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    import platform

    return platform.processor()


def cuda_devices() -> tuple[Device, ...]:
    """All CUDA (or ROCm) devices, each tried with a small computation; one entry that says why
    where there is none.
    """
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        return (
            Device(
                "cuda",
                "NVIDIA GPU",
                problem=(
                    "this PyTorch is built for the CPU only; install a CUDA build from pytorch.org"
                ),
            ),
        )
    if not torch.cuda.is_available():
        return (
            Device("cuda", "NVIDIA GPU", problem="no GPU or no driver found; check nvidia-smi"),
        )
    return tuple(_cuda_device(index) for index in range(torch.cuda.device_count()))


def _cuda_device(index: int) -> Device:
    import torch

    name = f"cuda:{index}"
    title = torch.cuda.get_device_name(index)
    try:
        free, total = torch.cuda.mem_get_info(index)
        probe = torch.ones(8, 8, device=name)
        (probe @ probe).sum().item()
    except (RuntimeError, AssertionError) as error:
        return Device(name, title, problem=str(error).strip().splitlines()[0])
    return Device(name, title, free, total)


def mps_devices() -> tuple[Device, ...]:
    """Apple's GPU; nothing on other systems."""
    import sys

    import psutil
    import torch

    if sys.platform != "darwin":
        return ()
    if not torch.backends.mps.is_available():
        reason = (
            "needs macOS 12.3 or newer on an Apple GPU"
            if torch.backends.mps.is_built()
            else "this PyTorch is built without it"
        )
        return (Device("mps", "Apple GPU", problem=reason),)
    memory = psutil.virtual_memory()
    return (Device("mps", "Apple GPU", memory.available, memory.total),)
