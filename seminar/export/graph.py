"""The network as a graph without Python: what pt2 and ONNX files are made from."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor, nn

from seminar.inference.predictor import Predictor

INPUT = "image"
OUTPUT = "probabilities"
MAX_STRIDES = 4096


class _Probabilities(nn.Module):
    """The network with its softmax: the output is probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        probs: Tensor = self.network(image).softmax(dim=1)
        return probs


def to_graph(predictor: Predictor, channels: int) -> torch.export.ExportedProgram:
    """The graph from (N, C, H, W) float32 on 0..255 to (N, K, H, W) probabilities.

    N is free; H and W are multiples of the network's stride from twice that up.

    Sizes are multiples of the network's stride, so that the graph holds no rules for remainders:
    these cost a minute of export, and other programs round them differently.
    """
    network = _Probabilities(predictor.network).cpu().eval().requires_grad_(False)
    module: Any
    for module in network.modules():  # ONNX has ReLU6 as it is only where it is not in place:
        if hasattr(module, "inplace"):  # taken apart, 52 of them cost 10 s of 25
            module.inplace = False
    stride = predictor.stride
    example = torch.zeros(2, channels, 10 * stride, 12 * stride)
    sides = {
        2 + axis: stride * torch.export.Dim(name, min=2, max=MAX_STRIDES)
        for axis, name in enumerate(("rows", "cols"))
    }
    return torch.export.export(
        network, (example,), dynamic_shapes=({0: torch.export.Dim("batch"), **sides},), strict=False
    )


def description(predictor: Predictor) -> str:
    """What a program needs to know in addition to the graph, as JSON."""
    return json.dumps(
        {
            "classes": list(predictor.classes.names),
            "channels": list(predictor.channels),
            "stretch": list(predictor.stretch),
            "multiple": predictor.stride,
            "weights": predictor.credits,
            "input": (
                "float32 on 0..255, (batch, channel, height, width), sides multiples of "
                f"{predictor.stride} from {2 * predictor.stride} up"
            ),
            "output": "probabilities, (batch, class, height, width)",
        }
    )
