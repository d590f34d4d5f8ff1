"""The rules for images without clicks: learnt from the clicked images of a run, kept beside its
model.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seminar.clicks.click_set import pixels
from seminar.errors import SeminarError
from seminar.inference.instances.divide import instances_from_clicks, pairs_to_learn
from seminar.inference.instances.rules import FEATURES, MIN_AREA, Joining, Rules, learn_joining
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

ENOUGH = 1000
"""Clicked objects that are looked at."""

FEWEST = 5
"""Clicked objects below which nothing is learnt."""

VERSION = 2
"""Of objects.json; 1 knew the area alone."""


def rules_of(model: Path) -> Rules:
    """The rules as learnt before for this run; the default ones if they were not."""
    return (_known(RunFolder(model)) if model.is_dir() else None) or Rules()


def learn_rules(model: Path, predict: Callable[[ImageArray, str], LabelMap]) -> Rules:
    """How small objects are and when two parts are one, from clicked images.

    An object has at least `SMALLEST` of the median area of clicked ones, of the class in which they
    are smallest; at least `MIN_AREA`. When parts are one is learnt from all classes together.

    The first time, the clicked images of the run's project are predicted until there are `ENOUGH`
    objects, and what was learnt is written into the run folder, so that a copied run knows it, too.
    The default rules for a model.pt by itself, or with fewer than `FEWEST` clicked objects.

    Parameters
    ----------
    model : Path
        Folder of a run, or a model.pt.
    predict : callable
        The class of each pixel of an image, whose name is the second argument.
    """
    run = RunFolder(model)
    if not model.is_dir():
        return Rules()
    rules = _known(run)
    if rules is None:
        project = run.path.absolute().parent.parent
        with contextlib.suppress(SeminarError):  # a project that lacks something
            rules = _learnt(Project.open(project), predict) if is_project(project) else None
        if rules is None:
            return Rules()
        with contextlib.suppress(OSError):  # a read-only run is asked again next time
            write_text(run.objects_path, _to_json(rules))
    return rules


def _to_json(rules: Rules) -> str:
    content: dict[str, Any] = {"version": VERSION, "min_area": rules.min_area}
    if rules.joining is not None:
        content |= {"weights": rules.joining.weights, "bias": rules.joining.bias}
    return json.dumps(content) + "\n"


def _known(run: RunFolder) -> Rules | None:
    """The rules, unless the model is newer."""
    try:
        if run.objects_path.stat().st_mtime < run.model_path.stat().st_mtime:
            return None
        content = json.loads(run.objects_path.read_text(encoding="utf-8"))
        if content["version"] != VERSION or int(content["min_area"]) < 1:
            return None
        joining = None
        if "weights" in content:
            weights = tuple(map(float, content["weights"]))
            joining = Joining(weights, float(content["bias"]))
            if len(weights) != FEATURES or not np.isfinite([*weights, joining.bias]).all():
                return None
        return Rules(int(content["min_area"]), joining)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _learnt(project: Project, predict: Callable[[ImageArray, str], LabelMap]) -> Rules | None:
    areas: dict[int, list[int]] = {}
    pairs = []
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
            pairs.append(pairs_to_learn(labels, instances))
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
    if not medians:
        return None
    features, is_one = zip(*pairs, strict=True)
    joining = learn_joining(np.concatenate(features), np.concatenate(is_one))
    return Rules(max(MIN_AREA, round(SMALLEST * min(medians))), joining)
