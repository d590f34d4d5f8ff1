"""Freed memory is kept while it is needed, and returned to the system afterwards."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import psutil
import pytest

from seminar.runtime.allocator import hand_back_memory

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only glibc keeps and hands back memory so"
)

MEGABYTE = 2**20


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def test_freed_memory_is_handed_back() -> None:
    pieces = [np.ones(1 << 13) for _ in range(2000)]  # of 64 kB, which are not returned one by one
    kept = pieces[1::2]
    full = resident()
    del pieces
    hand_back_memory()
    assert len(kept) == 1000
    assert resident() < full - 40 * MEGABYTE


PAGE_FAULTS = """
import resource
from seminar.runtime.allocator import allow_retuning, kept_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for letter in b"abcdefghij":
        bytes([letter]) * (40 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

left_alone = faults()
with kept_memory():
    in_a_library = faults()
allow_retuning()
with kept_memory():
    kept = faults()
    with kept_memory():
        pass
    after_inner = faults()
after = faults()
print(left_alone, in_a_library, kept, after_inner, after)
"""


def test_an_array_takes_the_place_of_the_one_before() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PAGE_FAULTS], capture_output=True, text=True, check=True
    )
    left_alone, in_a_library, kept, after_inner, after = map(int, done.stdout.split())
    assert in_a_library > 0.5 * left_alone, (
        "without permission the caller's allocator is left alone"
    )
    assert max(kept, after_inner) < 0.3 * left_alone
    assert after > 0.5 * left_alone, "outside of the block memory is returned as ever"


FAILURE = """
import numpy as np
import psutil
from seminar.runtime.allocator import allow_retuning, kept_memory

allow_retuning()
before = psutil.Process().memory_info().rss
try:
    with kept_memory():
        np.ones(5 * 2**20)
        full = psutil.Process().memory_info().rss
        raise ValueError
except ValueError:
    print(full - before, psutil.Process().memory_info().rss - before)
"""


def test_memory_is_handed_back_when_the_block_fails() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILURE], capture_output=True, text=True, check=True
    )
    within, after = map(int, done.stdout.split())
    assert within > 30 * MEGABYTE
    assert after < 10 * MEGABYTE
