"""One run in several processes, on several GPUs or hosts, started by torchrun.

Each process takes its share of the batch that one process alone would draw; sums over the processes
make the step the same. The first process writes the run folder and decides; the others follow.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from seminar.errors import SeminarError
from seminar.runtime.devices import is_out_of_memory, pick_device

TIMEOUT = timedelta(hours=6)
"""The others wait so long while the first process scores, draws or saves; a process that dies is
noticed at once."""

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Ranks:
    """This process among the `size` processes of a run; by default the only one.

    `rank` counts from 0. With a single process none of the methods costs anything.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run folder and decides."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """This process's part of `count` crops; parts differ by at most one crop."""
        return range(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def from_first(self, make: Callable[[], _Value]) -> _Value:
        """The result of `make` in the first process, for all; the others do not call it."""
        if self.size == 1:
            return make()
        found: list[Any] = [make() if self.is_first else None]
        with _reaching_the_others():
            dist.broadcast_object_list(found, src=0)
        value: _Value = found[0]
        return value

    def sum(self, tensor: Tensor) -> Tensor:
        """`tensor`, added up over all processes in place."""
        if self.size > 1:
            with _reaching_the_others():
                dist.all_reduce(tensor)
        return tensor

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of all processes, in one message.

        DistributedDataParallel would send them during the backward pass, but a process may run out
        of memory in that pass, and all have to agree on this first.
        """
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.size == 1 or not gradients:
            return
        whole = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = whole.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))

    def copy_from_first(self, network: nn.Module) -> None:
        """Give all processes the first one's weights."""
        for tensor in network.state_dict().values() if self.size > 1 else ():
            plain = tensor.contiguous()
            with _reaching_the_others():
                dist.broadcast(plain, src=0)
            tensor.copy_(plain)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Wait for the others at the end of a block; an error in one process is raised in all.

        Raises
        ------
        MemoryError
            Memory ran out in another process, and nothing worse happened.
        SeminarError
            Another error happened in another process; the message names it.
        """
        if self.size == 1:
            yield
            return
        fault: Exception | None = None
        try:
            yield
        except (SeminarError, ValueError, OSError, RuntimeError, MemoryError) as error:
            fault = error
        try:
            self._agree(fault)
        finally:
            del fault  # its traceback holds what may have filled the memory

    def _agree(self, fault: Exception | None) -> None:
        said: list[Any] = [None] * self.size
        text = (str(fault).splitlines() or [type(fault).__name__])[0]
        mine = fault and (
            is_out_of_memory(fault),
            f"process {self.rank} on {socket.gethostname()}: {text}",
        )
        with _reaching_the_others():
            dist.all_gather_object(said, mine)
        worse = [sentence for is_memory, sentence in filter(None, said) if not is_memory]
        if fault is not None and not (worse and is_out_of_memory(fault)):
            raise fault
        if worse:
            raise SeminarError(worse[0])
        for _, sentence in filter(None, said):
            raise MemoryError(sentence)


ALONE = Ranks()

_runs = itertools.count()


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """The processes that torchrun started with this one, or this one alone.

    Raises
    ------
    SeminarError
        The processes do not find each other.
    """
    if dist.is_available() and dist.is_initialized():  # by a program that calls `seminar.train`
        yield Ranks(dist.get_rank(), dist.get_world_size())
        return
    if not _is_one_of_many():
        yield ALONE
        return
    from torch.distributed import PrefixStore  # type: ignore[attr-defined]
    from torch.distributed.rendezvous import rendezvous

    try:
        shared, rank, size = next(rendezvous("env://", timeout=TIMEOUT))
        # a program's next run must not find this one's addresses
        store = PrefixStore(f"seminar run {next(_runs)}", shared)
        backend = "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    except (RuntimeError, ValueError) as error:
        raise SeminarError(
            f"the {os.environ['WORLD_SIZE']} processes of this run do not find each other "
            f"({str(error).splitlines()[0]}); start all of them with torchrun, with one "
            "--rdzv-endpoint that every host reaches"
        ) from None
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def is_first_process() -> bool:
    """Whether this process writes the run folder; known before the processes join."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank() == 0
    return not _is_one_of_many() or os.environ["RANK"] == "0"


def processes_here() -> int:
    """Processes of the run on this machine, which share its cores and GPUs."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if _is_one_of_many() else 1


def own_device(name: str) -> torch.device:
    """The device called `name`; of several GPUs, this process's own.

    Raises
    ------
    SeminarError
        As `pick_device`; more processes than GPUs; a device that processes cannot share.
    """
    device = pick_device(name)
    if not _is_one_of_many() or device.type == "cpu":
        return device
    if device.type == "mps" or (device.index is not None and processes_here() > 1):
        raise SeminarError(
            f"device '{name}': several processes cannot share it; choose --device cuda or cpu"
        )
    if processes_here() > torch.cuda.device_count():
        raise SeminarError(
            f"{processes_here()} processes on this machine, {torch.cuda.device_count()} GPUs; "
            "start as many as there are GPUs (torchrun --nproc-per-node gpu), or train on --device "
            "cpu"
        )
    device = torch.device(
        "cuda", int(os.environ.get("LOCAL_RANK", "0")) if device.index is None else device.index
    )
    torch.cuda.set_device(device)
    return device


def _is_one_of_many() -> bool:
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def _reaching_the_others() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise SeminarError(
            "another process of this run ended or cannot be reached "
            f"({str(error).splitlines()[0][:150]}); its own message says why; then go on with "
            "--resume"
        ) from None
