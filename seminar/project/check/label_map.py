"""What is wrong with a label map: dense truth, objects, pseudo-labels, sparse masks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from seminar.errors import DatasetError
from seminar.io.images import ImageHeader, image_header
from seminar.io.label_png import palette_fault, png_size, read_label_png, read_object_png
from seminar.labels import BACKGROUND, IGNORE_INDEX, LabelMap
from seminar.project.layout import CLASSES, IMAGES
from seminar.project.project import Project

MAX_FAULTS_A_FILE = 10
"""Of a file with more faults only the first so many are listed."""

Values = frozenset[int]
"""The class ids in a label map, `IGNORE_INDEX` included."""


def inspect_truth(
    project: Project, image_id: str, size: tuple[int, int] | None
) -> tuple[list[str], Values]:
    """What is wrong with the dense truth and the objects of an image, and the truth's class ids.

    `size` is the image's (height, width); None does not compare sizes.
    """
    faults: list[str] = []
    values: Values = frozenset()
    truth, objects = project.truth_path(image_id), project.objects_path(image_id)
    try:
        if truth.exists():
            mask = read_label_png(truth)
            values = values_of(mask)
            faults += mask_faults(project, truth, mask, image_id, size)
    except DatasetError as error:
        faults += error.faults
    try:
        if objects.exists():
            faults += _size_faults(project, objects, png_size(objects), image_id, size)
            if set(np.unique(read_object_png(objects)).tolist()) in ({0, 255}, {255}):
                faults.append(
                    f"{objects}: expected a number an object, got 255 alone, with which VOC marks "
                    "the edges of objects; number the objects, or delete the file"
                )
    except DatasetError as error:
        faults += error.faults
    return faults, values


def label_map_faults(project: Project, path: Path, image_id: str) -> tuple[list[str], Values]:
    """What is wrong with a label map for an image, from any folder, and its class ids.

    Not readable, of another size, or with classes that the project does not have.
    """
    try:
        mask = read_label_png(path)
        size = project.image_size(image_id)
        return mask_faults(project, path, mask, image_id, size), values_of(mask)
    except DatasetError as error:
        return list(error.faults), frozenset()


def values_of(mask: LabelMap) -> Values:
    """The class ids in a label map."""
    return frozenset(np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist())


def says_void_alone(values: Iterable[int]) -> bool:
    """Whether nothing but the background and void is there: a mask of 0 and 255, most likely."""
    found = set(values)
    return IGNORE_INDEX in found and found <= {BACKGROUND, IGNORE_INDEX}


def void_alone(where: str) -> str:
    """The sentence for label maps of which that is true."""
    return (
        f"{where}: no class but the background there, and {IGNORE_INDEX}, which means void and is "
        f"ignored; where {IGNORE_INDEX} stands for an object, save the masks with its class id (in "
        f"ImageJ: Process > Math > Divide by {IGNORE_INDEX})"
    )


def mask_faults(
    project: Project, path: Path, mask: LabelMap, image_id: str, size: tuple[int, int] | None
) -> list[str]:
    """Another size than the image's, unknown classes, or a palette that contradicts them."""
    faults = _size_faults(project, path, (mask.shape[0], mask.shape[1]), image_id, size)
    unknown = [
        value
        for value in sorted(values_of(mask))
        if project.classes.num_classes <= value != IGNORE_INDEX
    ]
    if unknown:
        faults.append(
            f"{path}: class ids {', '.join(str(value) for value in unknown[:MAX_FAULTS_A_FILE])} "
            f"are not in 0..{project.classes.num_classes - 1}; correct the mask or add the classes "
            f"to {CLASSES}"
        )
    if fault := palette_fault(path, mask, project.classes):
        faults.append(fault)
    return faults


def turned_size_hint(header: ImageHeader | None, size: tuple[int, int]) -> str:
    """Why rows and columns of `size` are exchanged, if they are; to be put into a sentence."""
    if header is None or size != (header.width, header.height) or not header.turning:
        return ""
    if header.turning == "ignored":
        return " (the tif notes an orientation, by which some programs turn it; we do not)"
    return (
        " (turned by the orientation noted in its file, as viewers show it; `exiftool -n "
        "-Orientation=1 FILE` of exiftool.org removes the note)"
    )


def _size_faults(
    project: Project,
    path: Path,
    mask_size: tuple[int, int],
    image_id: str,
    size: tuple[int, int] | None,
) -> list[str]:
    if size is None or mask_size == size:
        return []
    hint = turned_size_hint(image_header(project.image_path(image_id)), mask_size)
    return [
        f"{path}: {mask_size[0]} x {mask_size[1]} pixels (height x width), but the image in "
        f"{IMAGES} has {size[0]} x {size[1]}{hint}; make the mask again, or restore the image that "
        "it was made for"
    ]
