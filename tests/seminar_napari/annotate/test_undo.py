from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seminar.clicks.click_set import ClickSet
from seminar_napari.annotate.undo import History

rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 2)), max_size=8)


def clicks_of(values: list[tuple[int, int, int]]) -> ClickSet:
    table = np.array(values, dtype=float).reshape(-1, 3)
    return ClickSet(10, 10, table[:, :2], table[:, 2])


@given(st.lists(rows, min_size=1, max_size=8))
def test_undo_all_and_redo_all_give_back_every_step(
    steps: list[list[tuple[int, int, int]]],
) -> None:
    states = [clicks_of(values) for values in steps]
    states = [
        state
        for before, state in zip([None, *states], states, strict=False)
        if before is None or state != before
    ]
    history = History()
    for before, after in pairwise(states):
        history.record(before, after)
    now: ClickSet | None = states[-1]
    for expected in reversed(states[:-1]):
        assert now is not None
        now = history.undo(now)
        assert now == expected
    assert now is not None
    assert history.undo(now) is None
    for expected in states[1:]:
        assert now is not None
        now = history.redo(now)
        assert now == expected
    assert now is not None
    assert history.redo(now) is None


def test_a_new_change_ends_what_can_be_redone() -> None:
    one, two, other = (
        clicks_of([(1, 1, 1)]),
        clicks_of([(1, 1, 1), (2, 2, 1)]),
        clicks_of([(1, 1, 1), (3, 3, 0)]),
    )
    history = History()
    history.record(one, two)
    assert history.undo(two) == one
    history.record(one, other)
    assert history.redo(other) is None
    assert history.undo(other) == one


def test_seconds_alone_are_no_change() -> None:
    history = History()
    history.record(
        clicks_of([(1, 1, 1)]), ClickSet(10, 10, np.array([[1, 1]]), np.array([1]), seconds=5)
    )
    assert history.done == []


def test_a_step_keeps_only_what_it_changed() -> None:
    many = ClickSet(99, 99, np.arange(4000.0).reshape(-1, 2) % 97, np.ones(2000))
    more = ClickSet(99, 99, np.append(many.points, [[5, 5]], axis=0), np.append(many.class_ids, 0))
    history = History()
    history.record(many, more)
    assert len(history.done[0].before) == 0
    assert len(history.done[0].after) == 1
