"""Which images of a project are trained on."""

from __future__ import annotations

from seminar.errors import DatasetError
from seminar.io.names import shown
from seminar.project.layout import SPLITS, TRAIN
from seminar.project.project import Project


def training_ids(project: Project, split: str, limit: int = 0) -> tuple[str, ...]:
    """The first images of a split in its order; `train` without a file stands for all images.
    `limit` 0 takes all.
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
