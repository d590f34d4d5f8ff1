"""The jobs of the tab Export, as `seminar` commands in a process of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seminar_napari.workers.job import Job, count_new_masks


def predict(
    sources: Sequence[Path],
    stems: Sequence[str],
    model: Path,
    out: Path,
    *,
    instances: bool,
    probabilities: bool,
    keep: bool,
) -> Job:
    """Write a mask of every image of a project, or of files and folders, into `out`.

    Parameters
    ----------
    stems : sequence of str
        Names of the masks without their endings, by which progress is counted.
    instances, probabilities : bool
        Write these files as well.
    keep : bool
        Skip images that have a mask there.
    """
    arguments = ["predict", str(model), *map(str, sources), "--out", str(out)]
    for option, wanted in (
        ("--instances", instances),
        ("--probabilities", probabilities),
        ("--overwrite", not keep),
    ):
        arguments += [option] * wanted
    return Job(arguments, count_new_masks(out, stems))


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
