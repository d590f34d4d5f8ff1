"""Clicks that people made in other programs, for the images of a project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seminar.clicks.click_set import ClickSet
from seminar.clicks.readers.human_click import HumanClick
from seminar.clicks.readers.whats_the_point import LONGEST_SIDE
from seminar.errors import DatasetError
from seminar.labels import BACKGROUND
from seminar.project.new_clicks import NewClicks, refuse_replacing, write_new_clicks
from seminar.project.project import Project


@dataclass(frozen=True)
class ImportStatistics:
    """What the imported files hold, whether the project has the images or not.

    Attributes
    ----------
    listed : int
        Image ids asked for: those of the split list, or all of the files.
    images : int
        Image ids among them that the files know.
    foreground, background : int
        Clicks of these images, those outside the image included.
    foreground_outside, background_outside : int
        Clicks outside their image, which are dropped; beyond 500 pixels where the project does not
        have the image.
    """

    listed: int
    images: int
    foreground: int
    background: int
    foreground_outside: int
    background_outside: int


def import_into_project(
    project: Project, human_clicks: Mapping[str, Sequence[HumanClick]], *, overwrite: bool = False
) -> Iterator[NewClicks]:
    """Write clicks for those images that the project has; yields the total after each image.

    Clicks outside their image are dropped.

    Raises
    ------
    DatasetError
        Classes that the project does not have, or images that have other clicks already, unless
        `overwrite`.
    """
    clicks = {
        image_id: _as_clicks(human_clicks[image_id], *project.image_size(image_id))
        for image_id in project.image_ids()
        if image_id in human_clicks
    }
    highest = max((int(one.class_ids.max(initial=0)) for one in clicks.values()), default=0)
    if highest >= project.classes.num_classes:
        raise DatasetError(
            f"{project.classes_path}: {project.classes.num_classes} classes, but the clicks name "
            f"class {highest}; write all {highest + 1} or more names into it"
        )
    if not overwrite:
        refuse_replacing(project, clicks.items())
    yield from write_new_clicks(project, clicks.items(), len(human_clicks) - len(clicks))


def import_statistics(
    project: Project,
    human_clicks: Mapping[str, Sequence[HumanClick]],
    listed: Collection[str] | None = None,
) -> ImportStatistics:
    """Count the clicks that were read; `listed` are the image ids of the split list, if any."""
    known = set(project.image_ids())
    inside, outside = Counter[bool](), Counter[bool]()
    for image_id, clicks in human_clicks.items():
        size = project.image_size(image_id) if image_id in known else (LONGEST_SIDE, LONGEST_SIDE)
        for click in clicks:
            (inside if click.is_inside(*size) else outside)[click.class_id == BACKGROUND] += 1
    return ImportStatistics(
        listed=len(human_clicks) if listed is None else len(set(listed)),
        images=len(human_clicks),
        foreground=inside[False] + outside[False],
        background=inside[True] + outside[True],
        foreground_outside=outside[False],
        background_outside=outside[True],
    )


def _as_clicks(human_clicks: Sequence[HumanClick], height: int, width: int) -> ClickSet:
    kept = [click for click in human_clicks if click.is_inside(height, width)]
    return ClickSet(
        height,
        width,
        np.array([(click.row, click.col) for click in kept], dtype=np.float64),
        np.array([click.class_id for click in kept], dtype=np.int64),
    )
