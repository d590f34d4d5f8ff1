"""Export a model: write, open with the other program, compare, and only then put it in place."""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from seminar.errors import SeminarError
from seminar.export.comparison import Comparison, compare, sample_of
from seminar.export.format_table import FORMATS
from seminar.export.job import Credits, ExportJob
from seminar.inference.predictor import Predictor
from seminar.io.files import flush_to_disk, rename
from seminar.io.images import read_image
from seminar.project.layout import is_project
from seminar.project.project import Project
from seminar.run.folder import RUNS


def export(
    model: Path,
    format: str,
    out: Path,
    *,
    image: Path | None = None,
    overwrite: bool = False,
    credits: Credits | None = None,
) -> Comparison:
    """Write a model as a file that other programs open, or as a folder for this one.

    Parameters
    ----------
    model : Path
        A run folder or a model.pt.
    format : str
        A key of `FORMATS`.
    out : Path
        The file, with the ending of its format, or the folder. It appears only after the other
        program has opened it and predicted the same.
    image : Path, optional
        A real image to compare on and, in a bioimage.io package, to show; by default the first
        image of the run's project.
    credits : Credits, optional
        Author, licence, ... of a bioimage.io package.

    Raises
    ------
    SeminarError
        A file that exists, a missing package, no image, or a prediction that differs. Nothing is
        written in these cases.
    """
    if format not in FORMATS:
        raise SeminarError(f"--format {format}: expected one of {', '.join(FORMATS)}")
    ending = FORMATS[format].ending
    if ending and out.suffix.lower() != ending:
        raise SeminarError(f"--out {out}: expected a file name that ends in {ending} for {format}")
    if out.exists() and not overwrite:
        raise SeminarError(
            f"--out {out}: exists already; give another name, or --overwrite to replace it"
        )
    if out.is_dir():
        raise SeminarError(
            f"--out {out}: a folder of this name exists and is not replaced; give another name"
        )
    predictor = Predictor.from_folder(model, "cpu")
    chosen = image or _image_of_project(model)
    job = _job(model, predictor, chosen, credits or Credits())
    # imported here: each format needs packages of its own
    writer = importlib.import_module(f"seminar.export.formats.{format}")
    with _in_its_place(out) as written:
        writer.write(written, job)
        theirs = writer.run(written, job)
        return compare(FORMATS[format].program, chosen.name, theirs, job.probs)


def _job(model: Path, predictor: Predictor, image: Path, credits: Credits) -> ExportJob:
    sample = sample_of(read_image(image), predictor.channels, predictor.stride)
    on_sample = Predictor(  # the sample has only the channels that the model takes
        predictor.network,
        classes=predictor.classes,
        stretch=predictor.stretch,
        num_channels=predictor.num_channels,
        device="cpu",
    )
    prepared = on_sample.prepare(sample, str(image))
    probs = on_sample.predict_prepared(prepared)
    return ExportJob(model, predictor, sample, prepared, probs, credits)


@contextlib.contextmanager
def _in_its_place(out: Path) -> Iterator[Path]:
    """A path next to `out` that replaces `out`, flushed to disk, when the block ends well."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=out.parent) as folder:
            written = Path(folder) / f"model{out.suffix.lower()}"
            yield written
            if written.is_file():
                with written.open("r+b") as file:
                    flush_to_disk(file)
            rename(written, out)
    except OSError as error:
        if not error.filename or ".export-" in str(error.filename):
            error.filename = str(out)  # a person does not know the temporary file
        raise


def _image_of_project(model: Path) -> Path:
    """The first image of the project that the run lies in."""
    folder = (model if model.is_dir() else model.parent).absolute()
    project_folder = folder.parent.parent
    if folder.parent.name != RUNS or not is_project(project_folder):
        raise SeminarError(
            f"{model}: lies in no project, so there is no image to check the export on; give one "
            "with --image FILE"
        )
    project = Project.open(project_folder)
    image_ids = project.image_ids()
    if not image_ids:
        raise SeminarError(
            f"{project_folder}: has no image to check the export on; give one with --image FILE"
        )
    return project.image_path(image_ids[0])
