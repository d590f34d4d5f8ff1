"""The images that a split leaves out of training."""

from __future__ import annotations

from seminar.io.files import write_text
from seminar.project.layout import VAL, read_split
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


def add_to_split(project: Project, image_id: str, split: str) -> bool:
    """Add an image to a split and remove it from the validation split.

    Returns
    -------
    bool
        Whether it was in the validation split.

    Raises
    ------
    DatasetError, OSError
        A file is damaged or cannot be written.
    """
    was_scored = split != VAL and _remove(project, image_id, VAL)
    lines = _lines(project, split)
    if image_id not in lines:
        write_text(project.split_path(split), "\n".join([*lines, image_id]) + "\n")
    return was_scored


def _remove(project: Project, image_id: str, split: str) -> bool:
    lines = _lines(project, split)
    if image_id not in lines:
        return False
    kept = "".join(f"{line}\n" for line in lines if line != image_id)
    write_text(project.split_path(split), kept)
    return True


def _lines(project: Project, split: str) -> list[str]:
    return [line for _, line in read_split(project.split_path(split)) or ()]
