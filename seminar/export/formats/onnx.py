"""ONNX files, checked in onnxruntime."""

from __future__ import annotations

import importlib
import logging
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from seminar.errors import SeminarError
from seminar.export.graph import INPUT, OUTPUT, description, to_graph
from seminar.export.job import ExportJob

OPSET = 20
"""The newest operator set that onnxruntime 1.17 (early 2024) and everything since runs."""


def require(extra: str, *modules: str) -> None:
    """Raise a sentence that says what to install where a package is missing."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:
            raise SeminarError(
                f"--format {extra} needs the package {module}; install it with: pip install "
                f"'seminar-napari[{extra}]'"
            ) from None


def write(path: Path, job: ExportJob) -> None:
    """One file with graph and weights; any batch, sides that are multiples of the stride."""
    require("onnx", "onnx", "onnxscript", "onnxruntime")
    # torch 2.8 warns about operators that none of our networks has
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about torch's own internals
        program = torch.onnx.export(
            to_graph(job.predictor, job.channels),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            verbose=False,
        )
    if program is None:
        raise SeminarError("torch made no ONNX program; nothing was exported, please report this")
    program.model.metadata_props["seminar"] = description(job.predictor)
    program.save(path)


def run(path: Path, job: ExportJob) -> npt.NDArray[np.float32]:
    """(K, h, w) probabilities of the prepared image, as onnxruntime computes them."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    probs: npt.NDArray[np.float32] = session.run([OUTPUT], {INPUT: job.prepared[np.newaxis]})[0][0]
    return probs
