"""The network as a graph without Python: what pt2 and ONNX files are made from."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from seminar.inference.predictor import Predictor
from seminar.inference.tiles import STRIDE

INPUT = "image"
OUTPUT = "probabilities"
MAX_STRIDES = 4096


class _Probabilities(nn.Module):
    """The network with its softmax, so that no program has to know what logits are."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        probs: Tensor = self.network(image).softmax(dim=1)
        return probs


def to_graph(predictor: Predictor, channels: int) -> torch.export.ExportedProgram:
    """(N, C, H, W) float32 on 0..255 to (N, K, H, W) probabilities, for any N and any H and W that
    are multiples of 16 from 32 up.

    Sizes are multiples of the network's stride so that the graph holds no rules for what is left
    over: those cost a minute of export and are where other programs round differently.
    """
    network = _Probabilities(predictor.network).cpu().eval().requires_grad_(False)
    example = torch.zeros(2, channels, 10 * STRIDE, 12 * STRIDE)
    sides = {
        2 + axis: STRIDE * torch.export.Dim(name, min=2, max=MAX_STRIDES)
        for axis, name in enumerate(("rows", "cols"))
    }
    return torch.export.export(
        network, (example,), dynamic_shapes=({0: torch.export.Dim("batch"), **sides},), strict=False
    )


def description(predictor: Predictor) -> str:
    """What a program needs to know beside the graph, as JSON."""
    return json.dumps(
        {
            "classes": list(predictor.classes.names),
            "channels": list(predictor.channels),
            "stretch": list(predictor.stretch),
            "input": (
                "float32 on 0..255, (batch, channel, height, width), sides multiples of 16 from"
                " 32 up"
            ),
            "output": "probabilities, (batch, class, height, width)",
        }
    )


def write_pt2(path: Path, predictor: Predictor, channels: int) -> None:
    """A torch.export archive; opens with `torch.export.load` without this library."""
    archive = io.BytesIO()  # on a disk that is full torch's own writer ends the process
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about torch's own internals
        torch.export.save(
            to_graph(predictor, channels),
            archive,
            extra_files={"seminar.json": description(predictor)},
        )
    path.write_bytes(archive.getbuffer())


def run_pt2(path: Path, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(K, H, W) probabilities of a prepared image, as torch reads them from the file."""
    module = torch.export.load(path).module()
    with torch.no_grad():
        probs: npt.NDArray[np.float32] = module(torch.from_numpy(image)[None])[0].numpy()
    return probs
