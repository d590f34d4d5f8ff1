"""What can be shown over an image, one row each: a new overlay is a new row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from seminar.io.label_png import read_label_png
from seminar.project.layout import PREDICTIONS, PROBE, UNSURE, preview_path
from seminar.project.project import Project
from seminar.run.folder import RunFolder

Drawing = Literal["solid", "dashed", "dotted", "dash-dotted", "heat"]
Files = Callable[[Project, RunFolder | None, str], tuple[Path, ...]]

STUDENT = "student"
"""The overlay that is scored and divided into instances."""

TRUTH = "truth"
"""The overlay that the student is scored against."""

DISAGREEMENT = "disagreement"
"""The overlay in which the next click is looked for."""

LIVE = (PROBE, UNSURE)
"""The overlays that answer clicks; there are none while the live mask is off."""


@dataclass(frozen=True)
class Overlay:
    """One kind of picture of an image, (H, W) uint8.

    Attributes
    ----------
    name : str
        In code, and in the file names of previews.
    title : str
        On screen.
    drawing : {"solid", "dashed", "dotted", "dash-dotted", "heat"}
        A label map, with outlines in this line style; or a heat map of values on 0..255.
    files : callable
        Gives, for a project, a run and an image id, the files that may hold it. The newest one is
        shown, the first of equally old ones.
    read : callable
        Reads such a file; None where it is gone or unreadable.
    key : str
        Shows the overlay while it is held.
    toggle : bool
        Switched on and off over the others, instead of shown in their place.
    tip : str
        The button's tool tip, where the rule for it does not do.
    """

    name: str
    title: str
    drawing: Drawing
    files: Files
    read: Callable[[Path], npt.NDArray[np.uint8] | None]
    key: str = ""
    toggle: bool = False
    tip: str = ""


def read_preview(path: Path) -> npt.NDArray[np.uint8] | None:
    """The values of an 8-bit PNG, (H, W) uint8; None where it is gone or unreadable."""
    try:
        with Image.open(path) as image:
            return np.asarray(image, dtype=np.uint8)
    except (OSError, SyntaxError):
        return None


def prediction_path(run: RunFolder, image_id: str) -> Path:
    """Where the tab Export writes the mask of an image unless another folder is chosen."""
    return run.project / PREDICTIONS / run.path.name / f"{image_id}.png"


def _of_run(*paths: Callable[[RunFolder, str], Path]) -> Files:
    """The files that a run has of an image; none where no run is followed."""

    def files(_project: Project, run: RunFolder | None, image_id: str) -> tuple[Path, ...]:
        return () if run is None else tuple(path(run, image_id) for path in paths)

    return files


def _of_probe(name: str) -> Files:
    """The picture that the live mask has of an image."""
    return lambda project, _run, image_id: (preview_path(project.path, image_id, name),)


def _preview(name: str) -> Callable[[RunFolder, str], Path]:
    return lambda run, image_id: run.preview_path(image_id, name)


OVERLAYS: dict[str, Overlay] = {
    overlay.name: overlay
    for overlay in (
        Overlay(PROBE, "live mask", "dash-dotted", _of_probe(PROBE), read_preview, key="T"),
        Overlay(
            STUDENT,
            "student",
            "solid",
            # a preview may be from early in the run, a mask of all images is often from its end
            _of_run(_preview(STUDENT), prediction_path),
            read_preview,
            key="Q",
        ),
        Overlay(
            "teacher", "teacher", "dashed", _of_run(_preview("teacher")), read_preview, key="W"
        ),
        Overlay(
            "pseudo_label",
            "pseudo-label",
            "dotted",
            _of_run(_preview("pseudo_label"), RunFolder.pseudo_label_path),
            read_preview,
            key="E",
        ),
        Overlay(
            TRUTH,
            "truth",
            "solid",
            lambda project, _run, image_id: (project.truth_path(image_id),),
            read_label_png,
            key="R",
        ),
        Overlay(
            DISAGREEMENT,
            "disagreement",
            "heat",
            _of_run(_preview(DISAGREEMENT)),
            read_preview,
            toggle=True,
            tip="Heat map: how far student and teacher are apart; in the second stage, stage 1"
            " and 2. Masks are outlines meanwhile",
        ),
        Overlay(
            UNSURE,
            UNSURE,
            "heat",
            _of_probe(UNSURE),
            read_preview,
            toggle=True,
            tip="Heat map: where the live mask is unsure, from none to full. Masks are outlines"
            " meanwhile",
        ),
    )
}
"""In the order of the buttons, and of the grid's cells as far as there is something to show."""

CHOICES = tuple(overlay for overlay in OVERLAYS.values() if not overlay.toggle)
"""Those of which one at a time is shown."""

TOGGLES = tuple(overlay for overlay in OVERLAYS.values() if overlay.toggle)
