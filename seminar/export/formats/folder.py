"""Our own format: a folder with the model and the settings that it was trained with."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seminar.export.job import ExportJob
from seminar.inference.predictor import Predictor
from seminar.io.files import atomic_file
from seminar.run.folder import RunFolder


def write(path: Path, job: ExportJob) -> None:
    """Copy model.pt, and the run's settings where there are any, into a new folder."""
    is_folder = job.model.is_dir()
    source, copy = RunFolder(job.model if is_folder else job.model.parent), RunFolder(path)
    pairs = [(source.model_path if is_folder else job.model, copy.model_path)]
    if source.config_path.exists():
        pairs.append((source.config_path, copy.config_path))
    for original, target in pairs:
        with original.open("rb") as read, atomic_file(target) as written:
            shutil.copyfileobj(read, written)


def run(path: Path, job: ExportJob) -> npt.NDArray[np.float32]:
    """(K, h, w) probabilities of the prepared image, by the copied model."""
    return Predictor.from_folder(path, "cpu").predict_prepared(job.prepared)
