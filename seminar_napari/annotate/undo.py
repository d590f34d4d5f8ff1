"""Undo and redo of one image's clicks, without limit: each step keeps only changed clicks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from seminar.clicks.click_set import ClickSet

_Rows = npt.NDArray[np.float64]  # (n, 3) row, col, class id


@dataclass(frozen=True, eq=False, slots=True)
class Edit:
    """Starting at click `start`, the clicks `before` became the clicks `after`."""

    start: int
    before: _Rows
    after: _Rows


@dataclass(eq=False)
class History:
    """The edits of an image's clicks, done and undone."""

    done: list[Edit] = field(default_factory=list)
    undone: list[Edit] = field(default_factory=list)

    def record(self, before: ClickSet, after: ClickSet) -> None:
        """Record a change; earlier undone edits can no longer be redone."""
        edit = _difference(_rows(before), _rows(after))
        if len(edit.before) or len(edit.after):
            self.done.append(edit)
            self.undone.clear()

    def undo(self, clicks: ClickSet) -> ClickSet | None:
        """The clicks before the last change; None without one."""
        if not self.done:
            return None
        edit = self.done.pop()
        self.undone.append(edit)
        return _replaced(clicks, edit.start, len(edit.after), edit.before)

    def redo(self, clicks: ClickSet) -> ClickSet | None:
        """The clicks after the change that was undone last; None without one."""
        if not self.undone:
            return None
        edit = self.undone.pop()
        self.done.append(edit)
        return _replaced(clicks, edit.start, len(edit.before), edit.after)


def _rows(clicks: ClickSet) -> _Rows:
    return np.column_stack([clicks.points, clicks.class_ids.astype(np.float64)])


def _difference(before: _Rows, after: _Rows) -> Edit:
    shorter = min(len(before), len(after))
    start = _leading_equal(before[:shorter], after[:shorter])
    rest = shorter - start
    tail = _leading_equal(before[len(before) - rest :][::-1], after[len(after) - rest :][::-1])
    changed, new = before[start : len(before) - tail], after[start : len(after) - tail]
    return Edit(start, changed.copy(), new.copy())


def _leading_equal(first: _Rows, second: _Rows) -> int:
    differs = (first != second).any(axis=1)
    return int(differs.argmax()) if differs.any() else len(differs)


def _replaced(clicks: ClickSet, start: int, count: int, rows: _Rows) -> ClickSet:
    everything = _rows(clicks)
    everything = np.concatenate([everything[:start], rows, everything[start + count :]])
    return replace(clicks, points=everything[:, :2], class_ids=everything[:, 2].astype(np.int64))
