"""What `seminar import-clicks` prints about clicks of other programs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from seminar.cli.terminal.texts import click_summary, count
from seminar.clicks.readers.found_clicks import Reading
from seminar.clicks.readers.whats_the_point import LONGEST_SIDE
from seminar.io.names import shown

if TYPE_CHECKING:
    from seminar.project.import_plan.plan_import import ImportPlan
    from seminar.project.new_clicks import NewClicks
    from seminar.project.project import Project

SHOWN = 20


def print_statistics(
    project: Project, readings: list[Reading], split_list: Path | None, listed: list[str] | None
) -> None:
    """Two lines about files of What's the Point, as its paper counts them."""
    from seminar.project.import_clicks import import_statistics

    whole = Reading(
        [click for reading in readings for click in reading.clicks],
        [name for reading in readings for name in reading.images],
    )
    found = import_statistics(project, whole, listed)
    where = "the files" if split_list is None else str(split_list)
    print(
        f"{count(found.images, 'image')} of {found.listed:,} in {where}: {found.foreground:,} "
        f"foreground clicks, {found.background:,} background clicks"
    )
    print(
        f"out of range and dropped: {found.background_outside:,} background, "
        f"{found.foreground_outside:,} foreground (on images that are not here: beyond "
        f"{LONGEST_SIDE} pixels)"
    )


def print_plan(project: Project, plan: ImportPlan) -> None:
    """What would come in: per image, per class, and what would not."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("image", overflow="fold")
    for column in ("new", "doubled", "other class", "outside", "there now"):
        table.add_column(column, justify="right")
    for image_id, image in plan.images.items():
        there = len(image.before) if image.before is not None else 0
        numbers = (image.new, image.doubled, image.contradicting, image.outside, there)
        table.add_row(shown(image_id), *(f"{number:,}" for number in numbers))
    if plan.images:
        Console(highlight=False, markup=False).print(table)
    names = plan.classes.names
    known = project.classes.num_classes
    per_class = [
        f"{shown(names[class_id])} {number:,}{' (new class)' if class_id >= known else ''}"
        for class_id, number in sorted(plan.per_class.items())
    ]
    total = plan.total("new")
    print(f"{count(total, 'click')} on {count(len(plan.images), 'image')} would come in")
    if per_class:
        print(f"classes: {', '.join(per_class)}")
    if plan.unknown_labels:
        print(unknown_classes(project, plan))
    _print_rest(plan, with_outside=True)
    print("dry run: nothing was written")


def print_done(
    project: Project, plan: ImportPlan, done: NewClicks | None, *, with_outside: bool
) -> None:
    """What came in, and what did not."""
    from seminar.project.project import Project

    opened = Project.open(project.path)
    print(click_summary(opened, done, len(plan.unknown_images), "not in the project skipped"))
    _print_rest(plan, with_outside=with_outside)


def unknown_classes(project: Project, plan: ImportPlan) -> str:
    """The classes that the project does not have."""
    return (
        f"{project.classes_path}: the project has no class {_listed(plan.unknown_labels, 'click')}"
    )


def no_image(project: Project, plan: ImportPlan) -> str:
    """The sentence for files of which the project has no image."""
    if not plan.unknown_images:
        return f"{project.path}: no clicks in the files; nothing was imported"
    ids = project.image_ids()
    return (
        f"{project.path}: none of the images in the files is in the project: "
        f"{_listed(plan.unknown_images, 'click')}; the project has "
        f"{', '.join(map(shown, ids[:3]))}{', ...' if len(ids) > 3 else ''}: rename them, or name "
        "the image with --image"
    )


def _print_rest(plan: ImportPlan, *, with_outside: bool) -> None:
    left_out = {
        "doubled": plan.total("doubled"),
        "on a pixel that has another class": plan.total("contradicting"),
        "outside of their image": plan.total("outside") if with_outside else 0,
        "of classes that are left out": plan.skipped,
    }
    if any(left_out.values()):
        parts = (f"{number:,} {why}" for why, number in left_out.items() if number)
        print(f"left out: {', '.join(parts)}")
    if plan.unknown_images and with_outside:
        print(f"images not in the project: {_listed(plan.unknown_images, 'click')}")
    for note in plan.notes:
        print(note)


def _listed(counts: Counter[str], what: str) -> str:
    parts = [f"'{shown(name)}' ({count(number, what)})" for name, number in counts.most_common()]
    more = f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
    return ", ".join(parts[:SHOWN]) + more
