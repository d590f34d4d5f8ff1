"""Folders with a map for each image: pseudo-labels from elsewhere, and priors of objects."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seminar.errors import DatasetError
from seminar.io.label_png import read_label_png
from seminar.labels import LabelMap
from seminar.project.check.label_map import (
    Values,
    label_map_faults,
    says_void_alone,
    void_alone,
)
from seminar.project.project import Project

MAX_FAULTS = 20
"""Of more faults than this, the first ones are named and the others counted."""


def check_pseudo_labels(project: Project, folder: Path, image_ids: Sequence[str]) -> None:
    """Raise a `DatasetError` for label maps that do not fit their images or the classes."""

    def inspect(image_id: str) -> tuple[list[str], Values]:
        return label_map_faults(project, folder / f"{image_id}.png", image_id)

    with ThreadPoolExecutor(max_workers=4) as pool:
        inspected = list(pool.map(inspect, image_ids))
    faults = [fault for found, _ in inspected for fault in found]
    if not faults and says_void_alone(value for _, values in inspected for value in values):
        faults = [void_alone(str(folder))]
    if len(faults) > MAX_FAULTS:
        faults[MAX_FAULTS:] = [f"{len(faults) - MAX_FAULTS} more faults like these"]
    if faults:
        raise DatasetError(faults)


def check_objectness(folder: Path, image_ids: Sequence[str]) -> None:
    """Raise a `DatasetError` where an image has no prior."""
    paths = [folder / f"{image_id}.png" for image_id in image_ids]
    if missing := [path for path in paths if not path.is_file()]:
        raise DatasetError(
            f"--objectness: {len(missing)} of {len(paths)} images have no map (first "
            f"{missing[0]}); add 8-bit grey PNGs named as the images"
        )


def read_objectness(project: Project, folder: Path, image_id: str) -> LabelMap:
    """The prior of an image, (H, W) uint8.

    Raises
    ------
    DatasetError
        It has another size than the image.
    """
    path, size = folder / f"{image_id}.png", project.image_size(image_id)
    prior = read_label_png(path)
    if prior.shape != size:
        raise DatasetError(
            f"{path}: {prior.shape[0]} x {prior.shape[1]} pixels (height x width), but the image "
            f"has {size[0]} x {size[1]}; make the map again"
        )
    return prior
