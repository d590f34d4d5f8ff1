"""Clicks for many images at once: simulated from dense truth, or read from files of others."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seminar.clicks.click_set import ClickSet
from seminar.clicks.readers.whats_the_point import LONGEST_SIDE, HumanClick
from seminar.clicks.simulate import simulate_clicks
from seminar.errors import DatasetError
from seminar.io.names import shown
from seminar.labels import BACKGROUND
from seminar.project.check.image import truth_faults
from seminar.project.layout import TRUTH
from seminar.project.project import Project
from seminar.project.splits import training_ids


@dataclass(frozen=True)
class NewClicks:
    """What was written.

    Attributes
    ----------
    images : int
        Images that have clicks now.
    per_class : Counter of int
        Number of clicks of each class.
    skipped : int
        Images left out: without dense truth, or not in the project.
    """

    images: int
    per_class: Counter[int]
    skipped: int


@dataclass(frozen=True)
class ImportStatistics:
    """What the files of others hold, whether the images are here or not.

    Attributes
    ----------
    listed : int
        Image ids asked for: those of the split list, or all of the files.
    images : int
        Image ids among them that the files know.
    foreground, background : int
        Clicks of these images, those outside included.
    foreground_outside, background_outside : int
        Clicks that are not on their image, and dropped; beyond 500 pixels where the image is not
        here.
    """

    listed: int
    images: int
    foreground: int
    background: int
    foreground_outside: int
    background_outside: int


def simulate_for_project(
    project: Project,
    *,
    split: str = "train",
    limit: int = 0,
    seed: int = 0,
    overwrite: bool = False,
) -> Iterator[NewClicks]:
    """Write simulated clicks for images with dense truth, see `seminar.clicks.simulate`; yields the
    total after each image.

    The clicks of an image depend on `seed` and its id alone, so a larger `limit` adds images and
    leaves the others as they are.

    Raises
    ------
    DatasetError
        No dense truth at all, truth of another size than its image or with unknown classes, or
        images that have other clicks already, unless `overwrite`.
    """
    ids = training_ids(project, split, limit)
    with_truth = [image_id for image_id in ids if project.truth_path(image_id).exists()]
    if not with_truth:
        raise DatasetError(
            [
                f"{project.path / TRUTH}: no dense truth for any of the {len(ids)} images, expected"
                " label PNGs to take clicks from; add them, or click in the window"
            ]
        )
    if faults := [
        fault
        for image_id in with_truth
        for fault in truth_faults(project, image_id, project.image_size(image_id))
    ]:
        raise DatasetError(faults)
    clicked = _clicked(project, with_truth)
    if not overwrite:  # all before the first is written
        _refuse_others(
            project, {image_id: _simulated(project, image_id, seed) for image_id in clicked}
        )
    per_class = Counter[int]()
    images = 0
    for image_id in with_truth:
        clicks = _simulated(project, image_id, seed)
        project.write_clicks(image_id, clicks, durable=False)
        per_class.update(clicks.class_ids.tolist())
        images += len(clicks) > 0
        yield NewClicks(images, Counter(per_class), len(ids) - len(with_truth))


def import_into_project(
    project: Project, human_clicks: Mapping[str, Sequence[HumanClick]], *, overwrite: bool = False
) -> Iterator[NewClicks]:
    """Write the clicks of others for the images that the project has; yields the total after each
    image.

    Clicks outside their image are dropped. A click at x, y becomes the coordinate (y - 0.5, x -
    0.5): pixel centres are whole numbers here.

    Raises
    ------
    DatasetError
        Classes that the project does not have, or images that have other clicks already, unless
        `overwrite`.
    """
    known = [image_id for image_id in project.image_ids() if image_id in human_clicks]
    clicks = {
        image_id: _as_clicks(human_clicks[image_id], *project.image_size(image_id))
        for image_id in known
    }
    highest = max((int(one.class_ids.max(initial=0)) for one in clicks.values()), default=0)
    if highest >= project.classes.num_classes:
        raise DatasetError(
            [
                f"{project.path / 'classes.txt'}: {project.classes.num_classes} classes, but the"
                f" clicks name class {highest}; write all {highest + 1} or more names into it"
            ]
        )
    if not overwrite:
        _refuse_others(
            project, {image_id: clicks[image_id] for image_id in _clicked(project, known)}
        )
    per_class = Counter[int]()
    images = 0
    for image_id, one in clicks.items():
        project.write_clicks(image_id, one, durable=False)
        per_class.update(one.class_ids.tolist())
        images += len(one) > 0
        yield NewClicks(images, Counter(per_class), len(human_clicks) - len(known))


def import_statistics(
    project: Project,
    human_clicks: Mapping[str, Sequence[HumanClick]],
    listed: Collection[str] | None = None,
) -> ImportStatistics:
    """Count the clicks in the files of others; `listed` as far as a split list was given."""
    here = set(project.image_ids())
    inside, outside = Counter[bool](), Counter[bool]()
    for image_id, clicks in human_clicks.items():
        size = project.image_size(image_id) if image_id in here else (LONGEST_SIDE, LONGEST_SIDE)
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


def _simulated(project: Project, image_id: str, seed: int) -> ClickSet:
    truth = project.read_truth(image_id)
    assert truth is not None  # its file was there a moment ago
    return simulate_clicks(
        truth,
        project.read_objects(image_id),
        np.random.default_rng([seed, zlib.crc32(image_id.encode())]),
    )


def _as_clicks(human_clicks: Sequence[HumanClick], height: int, width: int) -> ClickSet:
    kept = [click for click in human_clicks if click.is_inside(height, width)]
    points = np.array([(click.y - 0.5, click.x - 0.5) for click in kept], dtype=np.float64)
    return ClickSet(
        height, width, points, np.array([click.class_id for click in kept], dtype=np.int64)
    )


def _clicked(project: Project, image_ids: Sequence[str]) -> list[str]:
    stamps = project.clicks_stamps()
    return [image_id for image_id in image_ids if image_id in stamps]


def _refuse_others(project: Project, new: Mapping[str, ClickSet]) -> None:
    """A person's clicks are not lost by accident; the same clicks once more are no loss."""
    others = [
        image_id
        for image_id, clicks in new.items()
        if (old := project.read_clicks(image_id)) is not None and len(old) and old != clicks
    ]
    if others:
        raise DatasetError(
            [
                f"{project.path}: {len(others)} images have other clicks already (first"
                f" {shown(others[0])}); add --overwrite to replace them, or work on a copy of the"
                " project"
            ]
        )
