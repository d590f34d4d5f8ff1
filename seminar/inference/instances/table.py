"""A table of all objects of a project, one row an object."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seminar.errors import DatasetError, SeminarError
from seminar.inference.instances.divide import MIN_AREA, divide_labels
from seminar.inference.instances.files import instances_path, read_instances
from seminar.inference.instances.measure import Columns, measure_objects
from seminar.io.files import write_text
from seminar.io.label_png import read_label_png
from seminar.io.pixel_size import read_pixel_size
from seminar.labels import LabelMap
from seminar.project.project import Project

if TYPE_CHECKING:  # the window writes tables, too, and never loads torch
    from seminar.inference.predictor import Predictor

LAST = ("touches_border", "area_um2", "equivalent_diameter_um", "row_um", "col_um")
"""Columns after those of the channels, of which images may have different numbers."""

Progress = Callable[[float, float | None], None]


def measure_project(
    source: Predictor | Path,
    project: Project,
    *,
    min_area: int = MIN_AREA,
    progress: Progress | None = None,
) -> dict[str, Columns]:
    """Measure the objects of each image of a project, by image id.

    Parameters
    ----------
    source : Predictor or Path
        A model, whose masks of all images are divided by `divide_labels`; or a folder of instance
        tifs: then the images are those that have one there. Classes are known from label PNGs
        beside them, and from clicks.
    min_area : int
        As of `instances_from_shape`.
    progress : callable, optional
        Called with (images done, images in all).

    Raises
    ------
    DatasetError
        A folder without instances of this project, files that do not fit their image: all of them
        at once.
    """
    image_ids: Sequence[str] = project.image_ids()
    if isinstance(source, Path):
        image_ids = [each for each in image_ids if instances_path(source, each) is not None]
        if not image_ids:
            raise DatasetError(
                f"{source}: no instances of an image of {project.path}, expected "
                "<image_id>_instances.tif; make them with `seminar predict --instances`, or give "
                "the folder of a run"
            )
    measured: dict[str, Columns] = {}
    faults: list[str] = []
    for done, image_id in enumerate(image_ids):
        if progress:
            progress(done, len(image_ids))
        try:
            measured[image_id] = _measured(source, project, image_id, min_area)
        except DatasetError as error:
            faults += error.faults
        except SeminarError as error:
            faults.append(f"{image_id}: {error}")
    if faults:
        raise DatasetError(faults)
    return measured


def write_table(path: Path, measured: dict[str, Columns]) -> None:
    """Write a CSV with a header and one row an object, whole or not at all; a cell is empty where
    an image has no such channel, or no size of its pixels.
    """
    names = dict.fromkeys(name for columns in measured.values() for name in columns)
    ordered = ["image", *(name for name in names if name not in LAST)]
    ordered += [name for name in LAST if name in names]
    text = io.StringIO()
    writer = csv.DictWriter(text, ordered or ["image"], restval="", lineterminator="\n")
    writer.writeheader()
    for image_id, columns in measured.items():
        writer.writerows({"image": image_id} | row for row in _rows(columns))
    write_text(path, text.getvalue())


def _rows(columns: Columns) -> Iterator[dict[str, object]]:
    lists: Iterable[list[object]] = [_texts(column) for column in columns.values()]
    for values in zip(*lists, strict=True):
        yield dict(zip(columns, values, strict=True))


def _texts(column: npt.NDArray[np.generic]) -> list[object]:
    """Numbers with ten digits, more than is ever measured; 0 and 1 of truths."""
    if column.dtype.kind == "b":
        return list(column.astype(np.int64).tolist())
    if column.dtype.kind == "f":
        return [f"{value:.10g}" for value in column.tolist()]
    return list(column.tolist())


def _measured(source: Predictor | Path, project: Project, image_id: str, min_area: int) -> Columns:
    path = project.image_path(image_id)
    image = project.read_image(image_id)
    clicks = project.read_clicks(image_id)
    instances: npt.NDArray[np.integer]
    if isinstance(source, Path):
        found = instances_path(source, image_id)
        assert found is not None  # it was there a moment ago
        instances = read_instances(found, image.shape[:2])
        labels = _labels_beside(source / f"{image_id}.png", instances)
    else:
        labels = source.predict(image, str(path))
        instances = divide_labels(labels, clicks, min_area=min_area)
    return measure_objects(
        instances,
        image,
        labels=labels,
        classes=project.classes,
        clicks=clicks,
        pixel_size=read_pixel_size(path),
    )


def _labels_beside(path: Path, instances: npt.NDArray[np.integer]) -> LabelMap | None:
    if not path.exists():
        return None
    labels = read_label_png(path)
    if labels.shape != instances.shape:
        raise DatasetError(
            f"{path}: {labels.shape[0]} x {labels.shape[1]} pixels (height x width), but its "
            f"instances have {instances.shape[0]} x {instances.shape[1]}; predict the image again"
        )
    return labels
