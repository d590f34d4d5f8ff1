"""torch.export archives: they open with `torch.export.load`, without this library."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from seminar.export.graph import description, to_graph
from seminar.export.job import ExportJob


def write(path: Path, job: ExportJob) -> None:
    """One file with the graph, its weights and our notes."""
    archive = io.BytesIO()  # torch's own writer ends the process on a full disk
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about torch's own internals
        torch.export.save(
            to_graph(job.predictor, job.channels),
            archive,
            extra_files={"seminar.json": description(job.predictor)},
        )
    path.write_bytes(archive.getbuffer())


def run(path: Path, job: ExportJob) -> npt.NDArray[np.float32]:
    """(K, h, w) probabilities of the prepared image, as torch computes them from the file."""
    module = torch.export.load(path).module()
    with torch.no_grad():
        probs: npt.NDArray[np.float32] = module(torch.from_numpy(job.prepared)[None])[0].numpy()
    return probs
