"""The two jobs of the tab Export, as `seminar` commands in a process of their own."""

from __future__ import annotations

from pathlib import Path

from seminar.project.project import Project
from seminar_napari.workers.job import Job, count_new_masks


def predict_all(
    project: Project,
    images: int,
    model: Path,
    out: Path,
    *,
    instances: bool,
    probabilities: bool,
    keep: bool,
) -> Job:
    """Write a VOC mask of every image of the project into `out`.

    Parameters
    ----------
    images : int
        How many the project has.
    instances, probabilities : bool
        Write these files as well.
    keep : bool
        Skip images that have a mask there.
    """
    arguments = ["predict", str(model), str(project.path), "--out", str(out)]
    for option, wanted in (
        ("--instances", instances),
        ("--probabilities", probabilities),
        ("--overwrite", not keep),
    ):
        arguments += [option] * wanted
    return Job(arguments, count_new_masks(out, images))


def export_model(
    model: Path, format: str, out: Path, *, image: Path | None, overwrite: bool
) -> Job:
    """Write the model in a format of `FORMATS` to `out`; an existing file stays unless `overwrite`.

    A run is checked on an image of its own project, another model on `image`.
    """
    arguments = ["export", str(model), "--format", format, "--out", str(out)]
    if model.is_file() and image is not None:
        arguments += ["--image", str(image)]
    return Job([*arguments, *["--overwrite"] * overwrite])
