"""The answer to a click: a mask, and where it is unsure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seminar.io.label_png import write_preview_png
from seminar.labels import LabelMap
from seminar.project.layout import PROBE, UNSURE, UNSURE_FROM, preview_path
from seminar.project.project import Project


@dataclass(frozen=True, eq=False)
class Answer:
    """A mask and how unsure it is.

    Attributes
    ----------
    labels : ndarray, (H, W) uint8
    unsure : ndarray, (H, W) uint8
        255 * (1 - margin between the two most probable classes).
    """

    labels: LabelMap
    unsure: npt.NDArray[np.uint8]


def write_answer(project: Project, image_id: str, answer: Answer) -> None:
    """Write both as previews of the project, the mask last."""
    write_preview_png(preview_path(project.path, image_id, UNSURE), answer.unsure)
    labels = preview_path(project.path, image_id, PROBE)
    write_preview_png(labels, answer.labels, project.classes)


def told(
    image_id: str, answer: Answer, *, clicks: int, trust: float | None, started: float
) -> dict[str, Any]:
    """The event that says so; it began at `started`, by `time.perf_counter`."""
    return {
        "event": "mask",
        "image_id": image_id,
        "clicks": clicks,
        "unsure": round(float((answer.unsure >= UNSURE_FROM).mean()), 4),
        "trust": None if trust is None else round(trust, 3),
        "seconds": round(time.perf_counter() - started, 3),
    }
