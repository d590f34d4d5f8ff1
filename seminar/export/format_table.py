"""The formats that a model can be exported to; without torch, so that the window can list them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """One row of the table.

    Attributes
    ----------
    title : str
        As the window lists it.
    ending : str
        Of the exported file; empty for a folder.
    program : str
        What opens the file again to check it.
    help : str
        As ``--help`` explains it.
    """

    title: str
    ending: str
    program: str
    help: str


FORMATS: Mapping[str, Format] = {
    "folder": Format(
        "Model folder (for Seminar)", "", "Predictor.from_folder", "a folder for Seminar"
    ),
    "bioimageio": Format(
        "bioimage.io package", ".zip", "bioimageio.core", "a bioimage.io model package"
    ),
    "onnx": Format("ONNX", ".onnx", "onnxruntime", "an ONNX file"),
    "pt2": Format("PyTorch program (pt2)", ".pt2", "torch.export.load", "a torch.export archive"),
}
"""By the name that is typed. ``seminar/export/formats/<name>.py`` writes and runs each: it has
``write(path, job)``, and ``run(path, job)`` for the other program's prediction."""
