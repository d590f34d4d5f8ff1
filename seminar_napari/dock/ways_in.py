"""What a folder is that a person opens: a project, a folder of images, or neither; no Qt."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Literal

from seminar.io.images import EXTENSIONS
from seminar.io.ome_zarr_layouts import is_zarr
from seminar.project.layout import CLASSES, IMAGES, folder_entries, image_files, is_project

MOST_SUBFOLDERS = 100
"""So many subfolders are looked into for images."""


def project_of(path: Path) -> Path:
    """The project whose folder of images this is, or else the same folder."""
    return path.parent if path.name == IMAGES and is_project(path.parent) else path


def what_is(path: Path) -> Literal["project", "images", "neither"]:
    """What to do with a path that a person opens or drops.

    A folder that looks like a project, though something may be missing in it, is a project: it is
    opened, and says what is wrong.
    """
    path = project_of(path)
    try:
        if is_project(path) or (path / IMAGES).is_dir() or (path / CLASSES).is_file():
            return "project"
        return "images" if path.is_dir() and holds_images(path) else "neither"
    except OSError:
        return "neither"


def holds_images(path: Path) -> bool:
    """Whether it is an image file by its name, or a folder with one."""
    if path.is_dir():
        return not is_zarr(path) and any(True for _ in image_files(path))
    return path.suffix.lower() in EXTENSIONS and path.is_file()


def why_neither(path: Path) -> str:
    """Why a folder cannot be opened, in one sentence."""
    if not path.exists():
        return f"{path}: no such folder; check the name"
    if not path.is_dir():
        return f"{path}: a file; open a project, or a folder of images"
    if is_zarr(path):
        return (
            f"{path}: an OME-Zarr, which is predicted but not annotated; save the planes to click "
            "on as tif"
        )
    try:
        folders = [Path(entry.path) for entry in folder_entries(path) if entry.is_dir()]
        below = next((folder for folder in folders[:MOST_SUBFOLDERS] if holds_images(folder)), None)
    except OSError as error:
        return f"{path}: {error.strerror or error}; give yourself the right to read it"
    kinds = ", ".join(EXTENSIONS)
    if below is not None:
        return f"{path}: no images in it, but there are some in {below.name}; open that folder"
    return f"{path}: neither a project nor images ({kinds}) in it; open another folder"


def folder_for(paths: Sequence[Path]) -> Path:
    """Where the project of these images goes: next to them, or into the home folder."""
    first = paths[0].absolute()
    images = first if first.is_dir() else first.parent
    parent = images.parent if os.access(images.parent, os.W_OK) else Path.home()
    return free_folder(parent / f"{images.name or 'images'}-seminar")


def free_folder(path: Path) -> Path:
    """This folder, or one with a number behind its name where it is taken."""
    if not path.exists():
        return path
    others = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(other for other in others if not other.exists())
