"""Our own format: a folder with what predicts, and what it was trained with."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seminar.inference.predictor import Predictor
from seminar.io.files import atomic_file
from seminar.run.folder import RunFolder


def write_folder(path: Path, model: Path) -> None:
    """Copy model.pt, and the run's settings where they lie beside it, into a new folder that
    `Predictor.from_folder` opens.
    """
    source = RunFolder(model if model.is_dir() else model.parent)
    copies = [(source.model_path if model.is_dir() else model, RunFolder(path).model_path)]
    copies += (
        [(source.config_path, RunFolder(path).config_path)] if source.config_path.exists() else []
    )
    for original, copy in copies:
        with original.open("rb") as read, atomic_file(copy) as written:
            shutil.copyfileobj(read, written)


def run_folder(path: Path, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(K, H, W) probabilities of a prepared image by the model that was copied."""
    return Predictor.from_folder(path, "cpu").predict_prepared(image)
