"""Fit the probe of a project once, and write its model."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from seminar.errors import DatasetError
from seminar.probe.probe import Probe
from seminar.project.splits import training_ids
from seminar.run.folder import PROBE_RUN, RunFolder


@dataclass(frozen=True)
class Fitted:
    """What became of a fit.

    Attributes
    ----------
    model : Path
    features : str
        The features in words.
    images, clicks : int
        What was learnt from.
    feature_seconds, fit_seconds : float
    notice : str
        What the user should know; "" where there is nothing.
    """

    model: Path
    features: str
    images: int
    clicks: int
    feature_seconds: float
    fit_seconds: float
    notice: str


def fit_project(probe: Probe, *, split: str, limit: int, out: Path | None) -> Fitted:
    """Learn from the clicks of a split and write `out`/model.pt (by default runs/probe).

    Raises
    ------
    DatasetError
        Fewer than two classes with clicks, or images and clicks that cannot be read.
    """
    project = probe.project
    start = time.perf_counter()
    faults: list[str] = []
    for image_id in training_ids(project, split, limit):
        try:
            probe.learn(image_id)
        except DatasetError as error:
            faults += error.faults
    if faults:
        raise DatasetError(faults)
    learnt = time.perf_counter()
    if not probe.fit():
        raise DatasetError(
            f"{project.path}: a probe needs clicks of two classes, found "
            f"{len(probe.clicked_classes())}; click on an object and on the background"
        )
    fitted = time.perf_counter()
    model = RunFolder(out) if out is not None else RunFolder.of(project.path, PROBE_RUN)
    model.path.mkdir(parents=True, exist_ok=True)
    probe.save(model.model_path)
    return Fitted(
        model.model_path,
        probe.title,
        len(probe.samples),
        probe.num_clicks,
        learnt - start,
        fitted - learnt,
        probe.fallback and f"{probe.fallback}. Filters were used alone.",
    )
