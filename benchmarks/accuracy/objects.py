"""How well objects are found: in the clicked images of a run, and in those that nobody clicked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.accuracy.measure import Row, seminar
from seminar.clicks.click_set import ClickSet, pixels
from seminar.inference.evaluate import evaluate
from seminar.inference.instances.divide import (
    InstanceMap,
    instances_from_clicks,
    instances_from_shape,
)
from seminar.inference.instances.learnt_rules import learn_rules
from seminar.inference.instances.rules import MIN_AREA, Rules
from seminar.inference.instances.score import Objects, score_instances
from seminar.io.label_png import read_label_png
from seminar.labels import BACKGROUND, LabelMap
from seminar.project.project import Project

SHARE = 0.5
"""Of the clicks on objects, in the row of people who do not click everything."""

SIDE, DISCS = 2048, 2000
"""Of the image that is timed."""

REPEATS = 7


def object_row(project: Project, run: Path, masks: Path, clicked: Sequence[str]) -> Row:
    """Scores of the objects in masks that are predicted once and kept, so that another way of
    dividing is measured in seconds.
    """
    val = project.split("val") or ()
    paths = [project.image_path(image_id) for image_id in (*clicked, *val)]
    seminar("predict", run, *paths, "--out", masks)
    learnt = learn_rules(run, lambda _, where: read_label_png(masks / f"{Path(where).stem}.png"))

    def scored(ids: Sequence[str], rules: Rules | None = None) -> Row:
        found = evaluate(masks, project, image_ids=tuple(ids), instances=True, rules=rules)
        assert found.instances is not None
        return asdict(found.instances)

    return {
        "clicked": scored(clicked) | {"owning": _owning(project, masks, clicked)},
        "half": _half_clicked(project, masks, clicked),
        "min_area": learnt.min_area,
        "val": scored(val, learnt),
        "val_by_waists": scored(val, Rules(learnt.min_area)),
        "val_without_size": scored(val),
        "from_truth": _from_truth(project, val, learnt),
    }


def _owning(project: Project, masks: Path, clicked: Sequence[str]) -> float:
    """Share of the clicks on objects that own an object of `MIN_AREA` by themselves."""
    owning = total = 0
    for image_id in clicked:
        clicks = _clicks(project, image_id)
        instances = instances_from_clicks(read_label_png(masks / f"{image_id}.png"), clicks)
        owned = instances[tuple(pixels(clicks.points[clicks.class_ids != BACKGROUND]).T)]
        areas, number = np.bincount(instances.ravel()), np.bincount(owned)
        owning += int(((owned > 0) & (areas[owned] >= MIN_AREA) & (number[owned] == 1)).sum())
        total += len(owned)
    return owning / total


def _half_clicked(project: Project, masks: Path, clicked: Sequence[str]) -> Row:
    """Of all objects, also those without a click."""
    rng = np.random.default_rng(0)

    def divided(image_id: str, labels: LabelMap) -> InstanceMap:
        clicks = _clicks(project, image_id)
        kept = (clicks.class_ids == BACKGROUND) | (rng.random(len(clicks)) < SHARE)
        half = ClickSet(clicks.height, clicks.width, clicks.points[kept], clicks.class_ids[kept])
        return instances_from_clicks(labels, half)

    return _scored(project, clicked, lambda each: read_label_png(masks / f"{each}.png"), divided)


def _from_truth(project: Project, val: Sequence[str], rules: Rules) -> Row:
    """With the true mask in place of the predicted one: what dividing alone costs."""

    def truth(image_id: str) -> LabelMap:
        labels = project.read_truth(image_id)
        assert labels is not None
        return labels

    return _scored(project, val, truth, lambda _, labels: instances_from_shape(labels, rules))


def _scored(
    project: Project,
    ids: Sequence[str],
    read: Callable[[str], LabelMap],
    divide: Callable[[str, LabelMap], InstanceMap],
) -> Row:
    def pair(image_id: str) -> tuple[Objects, Objects]:
        truth, numbers = project.read_truth(image_id), project.read_objects(image_id)
        assert truth is not None and numbers is not None
        labels = read(image_id)
        return Objects(numbers, truth), Objects(divide(image_id, labels), labels)

    return asdict(score_instances(map(pair, ids), project.classes.num_classes))


def _clicks(project: Project, image_id: str) -> ClickSet:
    clicks = project.read_clicks(image_id)
    assert clicks is not None
    return clicks


def time_row() -> Row:
    """Processor time of dividing one image of touching discs, by clicks and by shape; medians."""
    labels, clicks = touching_discs()
    ways: dict[str, Callable[[], InstanceMap]] = {
        "clicks_seconds": lambda: instances_from_clicks(labels, clicks),
        "shape_seconds": lambda: instances_from_shape(labels),
    }
    row: Row = {"side": SIDE, "objects": DISCS}
    for name, divide in ways.items():
        seconds = []
        for _ in range(REPEATS):
            start = time.process_time()
            divide()
            seconds.append(time.process_time() - start)
        row[name] = float(np.median(seconds))
    return row


def touching_discs() -> tuple[LabelMap, ClickSet]:
    """Pairs of discs of 6 to 14 pixels of radius that overlap a little, and a click in each."""
    rng = np.random.default_rng(0)
    labels = np.zeros((SIDE, SIDE), dtype=np.uint8)
    grid = int(np.ceil(np.sqrt(DISCS / 2)))
    points = []
    for pair in range(DISCS // 2):
        middle = (np.array(divmod(pair, grid)) + 0.5) * (SIDE // grid)
        angle, radius = rng.uniform(0, np.pi), rng.uniform(8, 13)
        for side in (-1, 1):
            centre = middle + side * 0.9 * radius * np.array([np.sin(angle), np.cos(angle)])
            top, left = np.round(centre).astype(int) - 20
            rows, cols = np.ogrid[top : top + 41, left : left + 41]
            disc = np.hypot(rows - centre[0], cols - centre[1]) <= radius * rng.uniform(0.8, 1.1)
            labels[top : top + 41, left : left + 41] |= disc
            points.append(np.round(centre))
    return labels, ClickSet(SIDE, SIDE, np.array(points), np.ones(len(points), dtype=np.int64))
