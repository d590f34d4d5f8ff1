"""The objects of a project, measured; `csv_file` writes the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seminar.errors import DatasetError, SeminarError
from seminar.inference.instances.divide import divide_labels
from seminar.inference.instances.files import instances_path, read_instances
from seminar.inference.instances.measure import Columns, measure_objects
from seminar.inference.instances.rules import Rules
from seminar.inference.predictor import Predictor
from seminar.io.label_png import read_label_png
from seminar.io.pixel_size import read_pixel_size
from seminar.labels import LabelMap
from seminar.project.project import Project

Progress = Callable[[float, float | None], None]


def measure_project(
    source: Predictor | Path,
    project: Project,
    *,
    rules: Rules | None = None,
    progress: Progress | None = None,
) -> dict[str, Columns]:
    """Measure the objects of each image of a project, by image id.

    Parameters
    ----------
    source : Predictor or Path
        A model, whose masks of all images are divided by `divide_labels`; or a folder of instance
        tifs: then the images are those that have one there. Classes are known from label PNGs
        beside them, and from clicks.
    rules : Rules, optional
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
            measured[image_id] = _measured(source, project, image_id, rules)
        except DatasetError as error:
            faults += error.faults
        except SeminarError as error:
            faults.append(f"{image_id}: {error}")
    if faults:
        raise DatasetError(faults)
    return measured


def _measured(
    source: Predictor | Path, project: Project, image_id: str, rules: Rules | None
) -> Columns:
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
        instances = divide_labels(labels, clicks, rules)
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
