"""Which device computes, and with how many threads."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from seminar.runtime.devices import use_threads


@pytest.fixture
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads_as_before")
@pytest.mark.parametrize(
    ("cores", "processes", "given", "threads"),
    [
        (8, 1, "", 8),
        (8, 1, "7", 7),
        (8, 2, "", 4),
        (8, 2, "1", 4),  # torchrun says 1
        (1, 1, "", 1),
        (4, 8, "", 1),
        (8, 1, "4,2", 8),  # OpenMP's form for nested regions
        (8, 1, "0", 1),
    ],
)
def test_all_cores_work_unless_the_window_or_the_person_says_less(
    monkeypatch: pytest.MonkeyPatch, cores: int, processes: int, given: str, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert use_threads(processes) == threads
    assert torch.get_num_threads() == threads
