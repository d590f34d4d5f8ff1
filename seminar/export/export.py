"""`export`: write, open again on the other side, compare, and only then put the file in its
place.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from seminar.errors import SeminarError
from seminar.export.comparison import Comparison, compare, sample_of
from seminar.export.formats.bioimageio import Credits, run_bioimageio, write_bioimageio
from seminar.export.formats.folder import run_folder, write_folder
from seminar.export.formats.onnx import run_onnx, write_onnx
from seminar.export.graph import run_pt2, write_pt2
from seminar.inference.predictor import Predictor
from seminar.io.archives import check_archive
from seminar.io.files import rename
from seminar.io.images import read_image
from seminar.project.project import Project

Format = Literal["pt2", "onnx", "bioimageio", "folder"]
FORMATS: tuple[Format, ...] = get_args(Format)

_ENDINGS = {"pt2": ".pt2", "onnx": ".onnx", "bioimageio": ".zip", "folder": ""}


def export(
    model: Path,
    format: Format,
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
    format : {"pt2", "onnx", "bioimageio", "folder"}
        torch.export archive, ONNX file, bioimage.io model package, or a folder with the model.pt.
    out : Path
        The file, ending in .pt2, .onnx or .zip, or the folder. It appears only when the other side
        opened it and predicted as we do.
    image : Path, optional
        A real image to compare on and, in a bioimage.io package, to show; by default the first
        image of the run's project.
    credits : Credits, optional
        Author, licence, ... of a bioimage.io package.

    Raises
    ------
    SeminarError
        A file that exists, a missing package, no image, or a prediction that differs: nothing is
        written then.
    """
    if format not in FORMATS:
        raise SeminarError(f"--format {format}: expected one of {', '.join(FORMATS)}")
    if format != "folder" and out.suffix.lower() != _ENDINGS[format]:
        raise SeminarError(
            f"--out {out}: expected a file name that ends in {_ENDINGS[format]} for {format}"
        )
    if out.exists() and not overwrite:
        raise SeminarError(
            f"--out {out}: exists already; give another name, or --overwrite to replace it"
        )
    if out.exists() and out.is_dir():
        raise SeminarError(
            f"--out {out}: a folder of this name exists and is not replaced; give another name"
        )
    predictor = Predictor.from_folder(model, "cpu")
    chosen = image or _image_of_project(model)
    sample = sample_of(read_image(chosen), predictor.channels)
    on_sample = Predictor(
        predictor.network,
        classes=predictor.classes,
        stretch=predictor.stretch,
        num_channels=predictor.num_channels,
        device="cpu",
    )
    prepared = on_sample.prepare(sample, str(chosen))
    ours = on_sample.predict_prepared(prepared)
    with _in_its_place(out) as written:
        if format == "pt2":
            write_pt2(written, predictor, len(prepared))
            theirs, program = run_pt2(written, prepared), "torch.export.load"
        elif format == "onnx":
            write_onnx(written, predictor, len(prepared))
            theirs, program = run_onnx(written, prepared), "onnxruntime"
        elif format == "folder":
            write_folder(written, model)
            theirs, program = run_folder(written, prepared), "Predictor.from_folder"
        else:
            write_bioimageio(written, predictor, sample, ours, credits or Credits())
            check_archive(written)
            theirs, program = run_bioimageio(written, sample), "bioimageio.core"
        return compare(program, chosen.name, theirs, ours)


@contextlib.contextmanager
def _in_its_place(out: Path) -> Iterator[Path]:
    """A path beside `out` to write to, which takes the place of `out`, flushed to disk, when the
    block ends well.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=out.parent) as folder:
            written = Path(folder) / f"model{out.suffix.lower()}"
            yield written
            if written.is_file():
                with written.open("r+b") as file:
                    os.fsync(file.fileno())
            rename(written, out)
    except OSError as error:
        if not error.filename or ".export-" in str(error.filename):
            error.filename = str(out)  # a person knows nothing of the temporary file
        raise


def _image_of_project(model: Path) -> Path:
    """The first image of the project that the run lies in."""
    folder = (model if model.is_dir() else model.parent).absolute()
    project_folder = folder.parent.parent
    if folder.parent.name != "runs" or not (project_folder / "JPEGImages").is_dir():
        raise SeminarError(
            f"{model}: lies in no project, so there is no image to check the export on; give one"
            " with --image FILE"
        )
    project = Project.open(project_folder)
    image_ids = project.image_ids()
    if not image_ids:
        raise SeminarError(
            f"{project_folder}: has no image to check the export on; give one with --image FILE"
        )
    return project.image_path(image_ids[0])
