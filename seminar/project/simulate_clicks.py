"""Clicks simulated from the dense truth of a project's images."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from seminar.clicks.click_set import ClickSet
from seminar.clicks.simulate import CAREFUL, ClickStyle, simulate_clicks
from seminar.errors import DatasetError
from seminar.project.check.label_map import inspect_truth, says_void_alone, void_alone
from seminar.project.layout import TRUTH
from seminar.project.new_clicks import NewClicks, refuse_replacing, write_new_clicks
from seminar.project.project import Project
from seminar.project.splits import training_ids


def simulate_for_project(
    project: Project,
    *,
    split: str = "train",
    limit: int = 0,
    seed: int = 0,
    overwrite: bool = False,
    style: ClickStyle = CAREFUL,
) -> Iterator[NewClicks]:
    """Write simulated clicks for images with dense truth; yields the total after each image.

    See `seminar.clicks.simulate`. The clicks of an image depend on `seed`, `style` and its id
    alone, so a larger `limit` adds images and leaves the others as they are.

    Raises
    ------
    DatasetError
        No dense truth at all, truth of another size than its image, with unknown classes or with
        none but the background, or images that have other clicks already, unless `overwrite`.
    """
    ids = training_ids(project, split, limit)
    with_truth = [image_id for image_id in ids if project.truth_path(image_id).exists()]
    if not with_truth:
        raise DatasetError(
            f"{project.path / TRUTH}: no dense truth for any of the {len(ids)} images, expected "
            "label PNGs to take clicks from; add them, or click in the window"
        )
    inspected = [
        inspect_truth(project, image_id, project.image_size(image_id)) for image_id in with_truth
    ]
    faults = [fault for found, _ in inspected for fault in found]
    if not faults and says_void_alone(value for _, values in inspected for value in values):
        faults = [void_alone(str(project.path / TRUTH))]
    if faults:
        raise DatasetError(faults)
    if not overwrite:  # for all images before the first is written
        clicked = project.clicks_stamps()
        refuse_replacing(
            project,
            (
                (image_id, _simulated(project, image_id, seed, style))
                for image_id in with_truth
                if image_id in clicked
            ),
        )
    yield from write_new_clicks(
        project,
        ((image_id, _simulated(project, image_id, seed, style)) for image_id in with_truth),
        len(ids) - len(with_truth),
    )


def _simulated(project: Project, image_id: str, seed: int, style: ClickStyle) -> ClickSet:
    truth = project.read_truth(image_id)
    assert truth is not None  # its file was there a moment ago
    return simulate_clicks(
        truth,
        project.read_objects(image_id),
        np.random.default_rng([seed, zlib.crc32(image_id.encode())]),
        style=style,
        num_classes=len(project.classes.names),
    )
