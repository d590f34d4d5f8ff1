"""Clicks for many images at once: written, counted, and no other clicks replaced by accident."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError
from seminar.io.names import shown
from seminar.project.project import Project


@dataclass(frozen=True)
class NewClicks:
    """What has been written so far.

    Attributes
    ----------
    images : int
        Images that now have clicks.
    per_class : Counter of int
        Number of clicks of each class.
    skipped : int
        Images left out: without dense truth, or not in the project.
    """

    images: int
    per_class: Counter[int]
    skipped: int


def write_new_clicks(
    project: Project, clicks: Iterable[tuple[str, ClickSet]], skipped: int
) -> Iterator[NewClicks]:
    """Write the clicks of images by image id; yields the total after each image."""
    per_class = Counter[int]()
    images = 0
    for image_id, new in clicks:
        project.write_clicks(image_id, new, durable=False)
        per_class.update(new.class_ids.tolist())
        images += len(new) > 0
        yield NewClicks(images, Counter(per_class), skipped)


def refuse_replacing(project: Project, clicks: Iterable[tuple[str, ClickSet]]) -> None:
    """Raise a `DatasetError` where images have clicks that differ from these."""
    others = [
        image_id
        for image_id, new in clicks
        if (old := project.read_clicks(image_id)) is not None and len(old) and old != new
    ]
    if others:
        raise DatasetError(
            f"{project.path}: {len(others)} images have other clicks already (first "
            f"{shown(others[0])}); add --overwrite to replace them, or work on a copy of the "
            "project"
        )
