"""Which images of a project are trained on."""

from __future__ import annotations

from seminar.errors import DatasetError
from seminar.io.names import shown
from seminar.project.layout import SPLITS, TRAIN
from seminar.project.project import Project


def training_ids(project: Project, split: str, limit: int = 0) -> tuple[str, ...]:
    """The first `limit` images of a split in its order, 0 for all.

    `train` without a file means all images of the project.
    """
    ids = project.split(split)
    if ids is None:
        if split != TRAIN:
            raise DatasetError(
                f"{project.path}: no split '{shown(split)}' in {SPLITS}; write {split}.txt or name "
                "another split"
            )
        ids = project.image_ids()
    return ids[:limit] if limit else ids
