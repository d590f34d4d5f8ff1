"""What is wrong with a project's folder as a whole: names, files without an image, splits."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from seminar.errors import DatasetError
from seminar.io.names import name_fault, names_of, portability_fault, same_name, shown
from seminar.project.layout import (
    ENDINGS,
    IMAGES,
    IN_CAPITALS,
    REMOVED,
    SPLITS,
    TRAIN,
    VAL,
    folder_entries,
    ids_in,
    image_files,
    is_folder,
    read_split,
    unread_in,
)
from seminar.project.project import Project


def folder_faults(project: Project, image_ids: Collection[str] | None = None) -> list[str]:
    """Names that cannot be image ids, and ids shared by two files, among these images or all."""
    faults = []
    seen: dict[str, list[Path]] = {}
    wanted = None if image_ids is None else set(image_ids)
    for path in sorted(image_files(project.path / IMAGES)):
        if wanted is not None and path.stem not in wanted:
            continue
        if fault := name_fault(path.stem):
            faults.append(
                f"{IMAGES}/{shown(path.name)}: the name cannot be an image id: {fault}; rename the "
                "file"
            )
        seen.setdefault(path.stem, []).append(path)
    for image_id, paths in seen.items():
        if len(paths) > 1:
            faults.append(
                f"{IMAGES}: {' and '.join(shown(path.name) for path in paths)} have the same image "
                f"id '{shown(image_id)}'; rename or remove one of them"
            )
    return faults


def folder_warnings(project: Project) -> list[str]:
    """Names that other systems do not allow, folders among the images, files without an image."""
    warnings = []
    ids = project.image_ids()
    for image_id in ids:
        if not name_fault(image_id) and (fault := portability_fault(image_id)):
            warnings.append(
                f"{IMAGES}/{shown(image_id)}: the project cannot be copied to every computer: "
                f"{fault}; rename the image and its files"
            )
    seen: dict[str, str] = {}
    for image_id in ids:
        first = seen.setdefault(same_name(image_id), image_id)
        if first != image_id:
            warnings.append(
                f"{IMAGES}: '{shown(first)}' and '{shown(image_id)}' are the same name on Windows "
                "and macOS; rename one of them"
            )
    for entry in folder_entries(project.path / IMAGES):
        if is_folder(entry):
            warnings.append(
                f"{IMAGES}/{shown(entry.name)}: a folder, images in it are not read; move them up"
            )
    images = {entry.name for entry in folder_entries(project.path / IMAGES) if is_folder(entry)}
    images |= {path.name for path in image_files(project.path / IMAGES)}
    if unread := [name for name in unread_in(project.path / IMAGES, ()) if name not in images]:
        warnings.append(
            f"{IMAGES}: {names_of(unread, 'file')} not read; convert images to jpg, png or tif, "
            "and remove other files"
        )
    known = {*ids, *(path.stem for path in image_files(project.path / REMOVED))}
    for folder, ending in ENDINGS.items():
        endings = (ending, ending.upper()) if folder in IN_CAPITALS else (ending,)
        found = [image_id for each in endings for image_id in ids_in(project.path / folder, each)]
        if orphans := sorted(set(found) - known):
            warnings.append(
                f"{folder}: no image in {IMAGES} for {names_of(orphans)}; add the images or remove "
                "the files"
            )
        if unread := unread_in(project.path / folder, endings):
            warnings.append(
                f"{folder}: {names_of(unread, 'file')} not read, expected files named as their "
                f"images that end in {ending}; save them so or remove them"
            )
    return warnings


def read_splits(project: Project) -> tuple[dict[str, tuple[str, ...]], list[str], list[str]]:
    """All readable splits by name, and the faults and warnings of all splits."""
    splits: dict[str, tuple[str, ...]] = {}
    faults: list[str] = []
    warnings: list[str] = []
    for name in sorted(ids_in(project.path / SPLITS, ".txt")):
        where = f"{SPLITS}/{name}.txt"
        try:
            splits[name] = project.split(name) or ()
            lines = len(read_split(project.split_path(name)) or ())
        except DatasetError as error:
            faults += error.faults
            continue
        if not splits[name]:
            faults.append(f"{where}: no image id in it; write some, one a line, or delete the file")
        elif lines > len(splits[name]):
            warnings.append(
                f"{where}: {lines - len(splits[name])} image ids are listed twice; each counts once"
            )
    if both := sorted(set(splits.get(TRAIN, ())) & set(splits.get(VAL, ()))):
        warnings.append(
            f"{SPLITS}: {names_of(both)} in both {TRAIN} and {VAL}, so scores will look too good; "
            "take them out of one"
        )
    return splits, faults, warnings
