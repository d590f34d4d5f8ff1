"""How small an object may be: learnt from the clicked images of a run, kept beside its model."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from seminar.clicks.click_set import pixels
from seminar.errors import SeminarError
from seminar.inference.instances.divide import MIN_AREA, instances_from_clicks
from seminar.io.files import write_text
from seminar.io.intensities import ImageArray
from seminar.labels import BACKGROUND, IGNORE_INDEX, LabelMap
from seminar.project.layout import is_project
from seminar.project.project import Project
from seminar.run.folder import RunFolder

SMALLEST = 0.15
"""Share of the median area of clicked objects below which there is no object in an image without
clicks (benchmarks/instances.md).
"""

ENOUGH = 300
"""Clicked objects that are looked at."""

FEWEST = 5
"""Clicked objects below which nothing is learnt."""


def min_area_of(model: Path) -> int:
    """Pixels below which there is no object, as learnt before for this run; `MIN_AREA` if not."""
    area = _known(RunFolder(model)) if model.is_dir() else None
    return MIN_AREA if area is None else _smallest(area)


def learn_min_area(model: Path, predict: Callable[[ImageArray, str], LabelMap]) -> int:
    """Pixels below which there is no object: `SMALLEST` of the median area of clicked objects, of
    the class in which they are smallest; at least `MIN_AREA`.

    The first time, the clicked images of the run's project are predicted until there are `ENOUGH`
    objects, and the area is written into the run folder, so that a copied run knows it, too.
    `MIN_AREA` for a model.pt by itself, or with fewer than `FEWEST` clicked objects.

    Parameters
    ----------
    model : Path
        Folder of a run, or a model.pt.
    predict : callable
        The class of each pixel of an image, whose name is the second argument.
    """
    run = RunFolder(model)
    if not model.is_dir():
        return MIN_AREA
    area = _known(run)
    if area is None:
        project = run.path.absolute().parent.parent
        with contextlib.suppress(SeminarError):  # a project that lacks something
            area = _learnt(Project.open(project), predict) if is_project(project) else None
        if area is None:
            return MIN_AREA
        with contextlib.suppress(OSError):  # a read-only run is asked again next time
            write_text(run.objects_path, json.dumps({"version": 1, "usual_area": area}) + "\n")
    return _smallest(area)


def _smallest(area: float) -> int:
    return max(MIN_AREA, round(SMALLEST * area))


def _known(run: RunFolder) -> float | None:
    """The usual area, unless the model is newer."""
    try:
        if run.objects_path.stat().st_mtime < run.model_path.stat().st_mtime:
            return None
        area = json.loads(run.objects_path.read_text(encoding="utf-8"))["usual_area"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(area) if isinstance(area, int | float) and area > 0 else None


def _learnt(project: Project, predict: Callable[[ImageArray, str], LabelMap]) -> float | None:
    areas: dict[int, list[int]] = {}
    found = 0
    for image_id in sorted(project.clicks_stamps()):
        if found >= ENOUGH:
            break
        with contextlib.suppress(SeminarError):  # a damaged image is no matter here
            clicks = project.read_clicks(image_id)
            if clicks is None or not np.isin(clicks.class_ids, BACKGROUND, invert=True).any():
                continue
            path = project.image_path(image_id)
            labels = predict(project.read_image(image_id), str(path))
            instances = instances_from_clicks(labels, clicks)
            on_object = clicks.inside() & ~np.isin(clicks.class_ids, (BACKGROUND, IGNORE_INDEX))
            places = tuple(pixels(clicks.points[on_object]).T)
            sizes = np.bincount(instances.ravel())
            for number, class_id in zip(
                instances[places].tolist(), clicks.class_ids[on_object].tolist(), strict=True
            ):
                if number:
                    areas.setdefault(class_id, []).append(int(sizes[number]))
                    found += 1
    medians = [float(np.median(sizes)) for sizes in areas.values() if len(sizes) >= FEWEST]
    return min(medians, default=None)
