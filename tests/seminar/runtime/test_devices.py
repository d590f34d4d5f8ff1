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
    ("cores", "processes", "threads"), [(8, 1, 7), (8, 2, 3), (2, 1, 1), (1, 1, 1), (4, 8, 1)]
)
def test_one_core_stays_free_and_processes_share_the_others(
    monkeypatch: pytest.MonkeyPatch, cores: int, processes: int, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert use_threads(processes) == threads
    assert torch.get_num_threads() == threads
