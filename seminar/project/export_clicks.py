"""Clicks, objects and masks of a project, written for other programs."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from seminar.clicks.object_classes import clicked_classes
from seminar.clicks.writers.exported import ExportImage, inside_only
from seminar.clicks.writers.format_table import WRITERS, Kind, formats_of
from seminar.errors import DatasetError, SeminarError
from seminar.io.files import rename
from seminar.io.images import explained, image_header
from seminar.io.label_png import read_label_png
from seminar.io.names import shown
from seminar.io.tif import tif_values
from seminar.labels import BACKGROUND, LabelMap
from seminar.project.project import Project

_Values = TypeVar("_Values", bound=npt.NDArray[Any])

INSTANCES = "_instances.tif"
"""What `seminar predict --instances` adds to the name of an image."""


@dataclass(frozen=True)
class Exported:
    """What has been written so far.

    Attributes
    ----------
    images, total : int
        Images done, and in all.
    items : int
        Clicks, objects or masks.
    outside : int
        Clicks outside of their image, which are not written.
    holes : int
        Objects whose holes the format cannot hold, and which are filled.
    """

    images: int
    total: int
    items: int
    outside: int
    holes: int


def export_from_project(
    project: Project,
    format: str,
    out: Path,
    *,
    kind: Kind = "clicks",
    predictions: Path | None = None,
    overwrite: bool = False,
) -> Generator[Exported]:
    """Write the clicks of all images, or objects or masks that were predicted for them.

    Yields after each image. `out` appears when the last one is done; where an error comes, or the
    iterator is closed before its end, nothing is there.

    Parameters
    ----------
    format : str
        A name of `seminar.clicks.writers.format_table.WRITERS`.
    out : Path
        The folder or file to write.
    kind : "clicks", "objects" or "masks"
    predictions : Path or None
        Folder of NAME.png and, for objects, NAME_instances.tif, as `seminar predict` writes them.
    overwrite : bool
        Replace `out`.

    Raises
    ------
    SeminarError
        A format that cannot hold it, `out` exists, nothing to write, predictions that do not fit.
    """
    row = WRITERS.get(format)
    if row is None or kind not in row.writers:
        raise SeminarError(
            f"--format {format}: {kind} cannot be written to it; choose one of "
            f"{', '.join(formats_of(kind))}"
        )
    _check_out(project, out, row.ending, predictions, overwrite)
    if kind == "clicks":
        clicked = project.clicks_stamps()
        ids = [image_id for image_id in project.image_ids() if image_id in clicked]
        source, remedy = project.path, "no clicks to write; click in the window first"
    else:
        if predictions is None:
            raise SeminarError(f"{kind}: name the folder that `seminar predict` wrote them to")
        ending = INSTANCES if kind == "objects" else ".png"
        ids = [name for name in project.image_ids() if (predictions / f"{name}{ending}").is_file()]
        source = predictions
        remedy = f"no {kind} of this project's images there (NAME{ending}); predict them with " + (
            "`seminar predict --instances`" if kind == "objects" else "`seminar predict`"
        )
    outside = 0

    def images() -> Iterator[ExportImage]:
        nonlocal outside
        for image_id in ids:
            path = project.image_path(image_id)
            if row.shows_stored and image_header(path).turning == "done":
                raise DatasetError(
                    f"{path}: turned by a camera's note (EXIF orientation), which {row.title} "
                    "ignore; save it upright without the note, and make the project of that"
                )
            if kind != "clicks":
                assert predictions is not None
                yield _predicted(project, image_id, predictions, kind)
                continue
            clicks = project.read_clicks(image_id)
            if clicks is None or not len(clicks):
                continue
            size = project.image_size(image_id)
            if (clicks.height, clicks.width) != size or (
                clicks.class_ids.max() >= project.classes.num_classes
            ):
                raise DatasetError(
                    f"{project.clicks_path(image_id)}: clicks that do not fit the image or "
                    "classes.txt; see `seminar check`"
                )
            inside = inside_only(clicks)
            outside += len(clicks) - len(inside)
            if len(inside):
                yield ExportImage(image_id, project.image_path(image_id), *size, inside)

    done = Exported(0, len(ids), 0, 0, 0)
    with _appearing(out, is_folder=not row.ending) as unfinished:
        for written in row.writers[kind](unfinished, images(), project.classes):
            done = Exported(
                done.images + 1,
                len(ids),
                done.items + written.items,
                outside,
                done.holes + written.holes,
            )
            yield done
        if not done.images:
            raise DatasetError(f"{source}: {remedy}")


@contextlib.contextmanager
def _appearing(out: Path, *, is_folder: bool) -> Iterator[Path]:
    """A place beside `out` that is renamed to it when the block ends without an error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=out.parent))
    try:
        yield unfinished if is_folder else unfinished / out.name
        if not is_folder:
            (unfinished / out.name).replace(out)
            return
        unfinished.chmod(0o755)
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=out.parent))
            out.replace(old / out.name)
            rename(unfinished, out)
            shutil.rmtree(old, ignore_errors=True)
        else:
            rename(unfinished, out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_out(
    project: Project, out: Path, ending: str, predictions: Path | None, overwrite: bool
) -> None:
    place = out.resolve()
    inputs = [project.path.resolve(), *([predictions.resolve()] if predictions else [])]
    if any(place == one or place in one.parents for one in inputs):
        raise SeminarError(
            f"{out}: it holds the project or the predictions; name a new folder or file"
        )
    if ending and (out.is_dir() or not out.suffix):
        raise SeminarError(f"{out}: expected the name of a file, such as clicks{ending}")
    if out.exists() and not ending and not out.is_dir():
        raise SeminarError(f"{out}: expected a folder, there is a file of this name")
    is_there = out.exists() and (not out.is_dir() or any(out.iterdir()))
    if is_there and not overwrite:
        raise SeminarError(f"{out}: already there; choose another name, or add --overwrite")


def _predicted(project: Project, image_id: str, predictions: Path, kind: Kind) -> ExportImage:
    size = project.image_size(image_id)
    labels_path = predictions / f"{image_id}.png"
    labels = _fitting(read_label_png(labels_path), size, labels_path)
    known = np.unique(labels[labels != 255])
    if known.max(initial=0) >= project.classes.num_classes:
        raise DatasetError(
            f"{labels_path}: class {int(known.max())}, but the project has "
            f"{project.classes.num_classes}; predict with a model of this project"
        )
    objects, classes = None, {}
    objects_path = predictions / f"{image_id}{INSTANCES}"
    if kind == "objects" or objects_path.is_file():
        with explained(objects_path):
            values = tif_values(objects_path)
        if len(values) != 1 or values.dtype.kind not in "ui":
            raise DatasetError(
                f"{objects_path}: expected one page of object numbers, got {len(values)} pages of "
                f"{values.dtype}; predict the images of a project"
            )
        objects = _fitting(values[0], size, objects_path).astype(np.int32)
        classes = _classes_of(objects, labels, objects_path)
        clicked = clicked_classes(objects, project.read_clicks(image_id))
        classes |= {
            number: class_id
            for number, class_id in clicked.items()
            if classes.get(number) == BACKGROUND
        }
    return ExportImage(
        image_id, project.image_path(image_id), *size, None, objects, classes, labels
    )


def _fitting(values: _Values, size: tuple[int, int], path: Path) -> _Values:
    if values.shape != size:
        raise DatasetError(
            f"{path}: {values.shape[0]} x {values.shape[1]} pixels (height x width), but the image "
            f"has {size[0]} x {size[1]}; predict it again"
        )
    return values


def _classes_of(objects: npt.NDArray[np.int32], labels: LabelMap, path: Path) -> dict[int, int]:
    """The class of each object: the one that most of its pixels have."""
    is_object = (objects > 0) & (labels != 255)
    pairs, counts = np.unique(
        np.stack([objects[is_object], labels[is_object].astype(np.int32)]),
        axis=1,
        return_counts=True,
    )
    best: dict[int, tuple[int, int]] = {}
    for number, class_id, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
        best[number] = max(best.get(number, (0, 0)), (count, class_id))
    if missing := set(np.unique(objects).tolist()) - {0, *best}:
        raise DatasetError(
            f"{path}: object {min(missing)} has no class in {shown(path.name)[: -len(INSTANCES)]}"
            ".png; predict both again"
        )
    return {number: class_id for number, (_, class_id) in best.items()}
