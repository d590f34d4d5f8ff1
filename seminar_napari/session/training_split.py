"""The images that a split leaves out of training."""

from __future__ import annotations

from seminar.project.project import Project


def held_out(project: Project, split: str) -> frozenset[str]:
    """Images that training on this split leaves out; none without a split file, or an empty one.

    Raises
    ------
    DatasetError
        The file is damaged.
    """
    training = project.split(split)
    return frozenset(project.image_ids()) - frozenset(training) if training else frozenset()
