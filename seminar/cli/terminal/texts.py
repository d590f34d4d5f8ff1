"""Texts and progress lines that several commands print."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from seminar.project.new_clicks import NewClicks
    from seminar.project.project import Project

_State = TypeVar("_State")


def count(number: int, what: str) -> str:
    """Number and noun: "1 image", "1,200 images"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Callable[[float, float | None], None]]:
    """A function of (done, total) that moves a bar on a terminal and does nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def last_of(states: Iterable[_State], title: str, total: int | None = None) -> _State | None:
    """The last of the states, all of which are shown as progress on a terminal."""
    last = None
    with progress_bar(title) as progress:
        for done, state in enumerate(states, start=1):
            progress(done, total)
            last = state
    return last


def click_summary(project: Project, done: NewClicks | None, skipped: int, why: str) -> str:
    """One line about the clicks that were written, and the images that were skipped."""
    per_class = dict(done.per_class) if done else {}
    clicks = count(sum(per_class.values()), "click")
    line = f"{project.path}: {clicks} on {count(done.images if done else 0, 'image')}"
    names = enumerate(project.classes.names)
    counts = [f"{name} {per_class[number]:,}" for number, name in names if per_class.get(number)]
    if counts:
        line += f" ({', '.join(counts)})"
    if skipped:
        line += f"; {count(skipped, 'image')} {why}"
    return line
