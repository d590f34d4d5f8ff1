"""Arrays that stay in memory."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from seminar.data.array_cache import ArrayCache


def test_the_array_that_was_used_longest_ago_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read, cache = [], ArrayCache()

    def fresh(number: int) -> np.ndarray:
        read.append(number)
        return np.full((50, 50), number, dtype=np.float16)

    monkeypatch.setattr("seminar.data.array_cache.CACHE_BYTES", 2 * 50 * 50 * 2)  # two arrays
    for number in (0, 1, 0, 2, 0, 1):
        found = cache.get(("image", str(number)), partial(fresh, number))
        assert (found == number).all()
    assert read == [0, 1, 2, 1]
