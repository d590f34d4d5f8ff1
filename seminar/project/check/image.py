"""What is wrong with one image of a project and the files that belong to it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError
from seminar.io.images import ImageHeader, explained, image_header, looks_whole, read_image
from seminar.io.intensities import not_finite
from seminar.io.label_png import read_label_png
from seminar.io.names import name_fault
from seminar.labels import IGNORE_INDEX
from seminar.project.check.label_map import (
    MAX_FAULTS_A_FILE,
    Values,
    inspect_truth,
    mask_faults,
    turned_size_hint,
)
from seminar.project.layout import MIN_SIDE, too_small
from seminar.project.project import Project
from seminar.project.sparse_mask import can_be_mask, mask_state
from seminar.project.write_clicks import clicks_faults


@dataclass
class ImageFindings:
    """What was found on one image.

    Attributes
    ----------
    faults, warnings : list of str
    header : ImageHeader or None
        None where the image is not readable.
    clicks : Counter of int
        Number of clicks of each class; empty without clicks.
    click_files_are_faulty : bool
        There are clicks, but they cannot be read.
    has_truth : bool
    truth_values : frozenset of int
        The class ids in the dense truth, void included.
    """

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    header: ImageHeader | None = None
    clicks: Counter[int] = field(default_factory=Counter)
    click_files_are_faulty: bool = False
    has_truth: bool = False
    truth_values: Values = frozenset()


def inspect_image(
    project: Project, image_id: str, *, needs: Literal["clicks", "truth", "any"], deep: bool
) -> ImageFindings:
    """Examine an image, and its clicks and its truth as far as they are needed."""
    found = ImageFindings()
    try:
        path = project.image_path(image_id)
        found.faults += _link_faults(project, path)
        found.header = image_header(path)
        found.faults += _image_faults(path, found.header, deep)
    except DatasetError as error:
        found.faults += error.faults
        if name_fault(image_id):
            return found
    size = (found.header.height, found.header.width) if found.header else None
    if needs != "truth":
        before = len(found.faults)
        try:
            found.clicks, faults = _inspect_clicks(project, image_id, found.header)
            found.faults += _capped(faults)
        except DatasetError as error:
            found.faults += _capped(list(error.faults))
        found.click_files_are_faulty = len(found.faults) > before
        if needs == "any" and not found.click_files_are_faulty:  # training does not use the mask
            found.warnings += _step_warnings(project, image_id)
    if needs != "clicks":
        found.has_truth = project.truth_path(image_id).exists()
        faults, found.truth_values = inspect_truth(project, image_id, size)
        found.faults += faults
    return found


def _image_faults(path: Path, header: ImageHeader, deep: bool) -> Iterator[str]:
    if min(header.height, header.width) < MIN_SIDE:
        yield too_small(path, (header.height, header.width))
    if deep or header.is_float or not looks_whole(path):
        image = read_image(path)
        if fault := not_finite(np.moveaxis(image, 2, 0)):
            yield f"{path}: {fault}"


def _link_faults(project: Project, path: Path) -> Iterator[str]:
    """A link to a file outside; a linked folder is allowed, as somebody's deliberate choice."""
    if (
        path.is_symlink()
        and path.exists()
        and not path.resolve().is_relative_to(path.parent.resolve())
    ):
        yield (
            f"{path}: a link to a file outside {path.parent.name}; put a copy there, or link the "
            "whole folder"
        )


def _inspect_clicks(
    project: Project, image_id: str, header: ImageHeader | None
) -> tuple[Counter[int], list[str]]:
    size = (header.height, header.width) if header else None
    path = project.clicks_path(image_id)
    if not os.path.lexists(path):
        path = project.sparse_mask_path(image_id)
        if not path.exists():
            return Counter(), []
        mask = read_label_png(path)
        values, numbers = np.unique(mask[mask != IGNORE_INDEX], return_counts=True)
        counts = Counter(dict(zip(values.tolist(), numbers.tolist(), strict=True)))
        return counts, mask_faults(project, path, mask, image_id, size)
    with explained(path):
        text = path.read_bytes()
    clicks = ClickSet.from_json(text, str(path))
    clicks_size = (clicks.height, clicks.width)
    hint = turned_size_hint(header, clicks_size)
    faults = [*clicks_faults(clicks, project.classes, str(path), size or clicks_size, hint)]
    if size == clicks_size:
        faults += _outside_faults(clicks, path)
    return Counter(clicks.class_ids[clicks.inside()].tolist()), faults


def _step_warnings(project: Project, image_id: str) -> Iterator[str]:
    """A sparse mask that does not agree with the JSON, from which the clicks are read."""
    path, mask_path = project.clicks_path(image_id), project.sparse_mask_path(image_id)
    if not path.exists() or not mask_path.exists():
        return
    text = path.read_bytes()
    clicks = ClickSet.from_json(text, str(path))
    match mask_state(mask_path, clicks, text, by_pixels=True) if can_be_mask(clicks) else "in step":
        case "lagging":
            yield (
                f"{mask_path}: damaged or older than {path}, from which clicks are read; `seminar "
                "check` and the next run write it again"
            )
        case "foreign":
            yield (
                f"{mask_path}: another program changed it, but clicks are read from {path}; delete "
                "the JSON to use the mask, or the mask to have it written again"
            )


def _outside_faults(clicks: ClickSet, path: Path) -> Iterator[str]:
    for index in np.flatnonzero(~clicks.inside()).tolist():
        row, col = clicks.points[index].tolist()
        yield (
            f"{path}, click {index + 1}: row {row:g}, col {col:g} is outside the image of "
            f"{clicks.height} x {clicks.width} pixels (height x width); move or delete the click"
        )


def _capped(faults: list[str]) -> list[str]:
    if len(faults) <= MAX_FAULTS_A_FILE:
        return faults
    where = faults[0].split(",", 1)[0]
    return [
        *faults[:MAX_FAULTS_A_FILE],
        f"{where}: {len(faults) - MAX_FAULTS_A_FILE} more faults like these; correct them too",
    ]
