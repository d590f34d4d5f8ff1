"""Which images a split leaves out of training, and how one is added to it."""

from __future__ import annotations

from seminar.io.files import write_text
from seminar.project.layout import VAL, read_split
from seminar.project.project import Project


def held_out(project: Project, split: str) -> frozenset[str]:
    """Images that training on this split leaves out; none where the split's file is missing or
    empty: then all images train.

    Raises
    ------
    DatasetError
        The file is damaged.
    """
    training = project.split(split)
    return frozenset(project.image_ids()) - frozenset(training) if training else frozenset()


def add_to_split(project: Project, image_id: str, split: str) -> bool:
    """Add an image to a split and take it out of the validation split; whether it was there.
    Nothing else in the files changes.

    Raises
    ------
    DatasetError, OSError
        A file that is not readable or cannot be written.
    """
    validation = split != VAL and _take_out(project, image_id, VAL)
    path = project.split_path(split)
    lines = [line for _, line in read_split(path) or ()]
    if image_id not in lines:
        write_text(path, "\n".join([*lines, image_id]) + "\n")
    return validation


def _take_out(project: Project, image_id: str, split: str) -> bool:
    path = project.split_path(split)
    lines = [line for _, line in read_split(path) or ()]
    if image_id not in lines:
        return False
    write_text(path, "".join(f"{line}\n" for line in lines if line != image_id))
    return True
