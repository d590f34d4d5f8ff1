"""Where everything is in a project folder; the names of its files stand here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from seminar.errors import DatasetError
from seminar.io.images import EXTENSIONS
from seminar.io.names import name_fault, shown

IMAGES = "JPEGImages"
CLICKS = "Clicks"
SPARSE_MASKS = "SegmentationClick"
TRUTH = "SegmentationClass"
OBJECTS = "SegmentationObject"
SPLITS = "ImageSets/Segmentation"
CLASSES = "classes.txt"
PREDICTIONS = "predictions"
REMOVED = "removed"
"""Images that were taken out of the project, and can be put back."""

INSTANCES = "instances"
PREVIEWS = "previews"
CONTRAST = "contrast.json"
"""Limits of the contrast that were set by hand, by image id and plane; read by the window alone."""

PROBE, UNSURE = "probe", "unsure"
UNSURE_FROM = 128
"""Values of the picture `UNSURE` that count as unsure: the best class is at most 1/2 ahead."""

TRAIN, VAL = "train", "val"

ENDINGS = {CLICKS: ".json", SPARSE_MASKS: ".png", TRUTH: ".png", OBJECTS: ".png"}
"""The folders with one file per image, and the ending of those files."""

IN_CAPITALS = (TRUTH, OBJECTS)
"""Folders of other programs' files, in which the ending may be in capitals."""

MADE_BY_WINDOWS = ("thumbs.db", "desktop.ini")

MIN_SIDE = 8
"""Smallest height and width of an image, in pixels: half a cell of the networks' coarsest map."""


def too_small(path: Path, size: tuple[int, int]) -> str:
    """The error message for an image with a side below `MIN_SIDE`."""
    return (
        f"{path}: {size[0]} x {size[1]} pixels (height x width) are too few to learn from, at "
        f"least {MIN_SIDE} x {MIN_SIDE} are needed; remove the image"
    )


def is_project(path: Path) -> bool:
    """Whether a folder looks like a project."""
    return (path / IMAGES).is_dir() and (path / CLASSES).is_file()


def file_of(project: Path, folder: str, image_id: str, ending: str = "") -> Path:
    """The file of an image in one of the project's folders, whether it exists or not.

    Raises
    ------
    DatasetError
        An id that cannot be a file name.
    """
    if fault := name_fault(image_id):
        raise DatasetError(
            f"{project}: '{shown(image_id)}' cannot be an image id: {fault}; give the image "
            "another name"
        )
    return project / folder / f"{image_id}{ending or ENDINGS[folder]}"


def file_of_others(project: Path, folder: str, image_id: str) -> Path:
    """`file_of`, for files of other programs, whose ending may be in capitals."""
    path = file_of(project, folder, image_id)
    capitals = file_of(project, folder, image_id, ENDINGS[folder].upper())
    return capitals if capitals.exists() and not path.exists() else path


def folder_entries(folder: Path) -> list[os.DirEntry[str]]:
    """Entries of a folder without hidden and unfinished (.part) ones; empty without the folder."""
    try:
        with os.scandir(folder) as entries:
            return [
                entry
                for entry in entries
                if not entry.name.startswith(".") and not entry.name.endswith(".part")
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []


def image_files(folder: Path) -> Iterator[Path]:
    """Image files of a folder in no particular order, recognised by their endings."""
    for entry in folder_entries(folder):
        if os.path.splitext(entry.name)[1].lower() in EXTENSIONS and not is_folder(entry):
            yield Path(entry.path)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one; a link that leads to itself is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def ids_in(folder: Path, ending: str) -> dict[str, os.DirEntry[str]]:
    """image_id -> entry of each file with this ending."""
    return {
        entry.name.removesuffix(ending): entry
        for entry in folder_entries(folder)
        if entry.name.endswith(ending)
    }


def unread_in(folder: Path, endings: Sequence[str]) -> list[str]:
    """Names of what has none of these endings, but for files that Windows makes by itself."""
    return sorted(
        entry.name
        for entry in folder_entries(folder)
        if not entry.name.endswith(tuple(endings)) and entry.name.lower() not in MADE_BY_WINDOWS
    )


def read_text(path: Path, what: str) -> str | None:
    """A UTF-8 text file of the project; None where it is missing. `what` is what to save it as.

    Raises
    ------
    DatasetError
        A file that cannot be read, or that is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise DatasetError(f"{path}: not UTF-8 text; save it as {what}") from None
    except OSError as error:
        raise DatasetError(
            f"{path}: {error.strerror or error}; put a readable file there"
        ) from None


def read_split(path: Path) -> list[tuple[int, str]] | None:
    """(line number, image id) of each line that is not empty; None where the file is missing."""
    text = read_text(path, "UTF-8, one image id a line")
    if text is None:
        return None
    return [
        (number, line.strip(" \t\r"))
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]


def preview_path(project: Path, image_id: str, name: str) -> Path:
    """The probe's latest picture of an image: `PROBE` or `UNSURE`; derived, may be deleted."""
    return file_of(project, PREVIEWS, image_id, f"/{name}.png")
