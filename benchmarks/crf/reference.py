"""The lattice filter of Tang et al., which the dense-CRF loss is compared with."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from seminar.losses.dense_crf.features import pixel_features
from seminar.losses.dense_crf.lattice import filter_lattice, plan_lattice

Reference = Callable[[Tensor, Tensor, float, float], Tensor]

_MANGLED = "_Z21bilateralfilter_batchPfiS_iS_iiiiiff"  # what a C++ compiler calls theirs


def find_reference(library: Path | None) -> tuple[Reference, str]:
    """The filter that ours is compared with, and its name in the table.

    The compiled code of Tang et al. where it is at hand, as `library` or as the module
    ``bilateralfilter``; otherwise our own lattice, one channel at a time as theirs.
    """
    if library is not None:
        call = ctypes.CDLL(str(library))[_MANGLED]
        return lambda *arguments: _call_library(call, *arguments), "Tang et al.'s C++"
    try:
        module = importlib.import_module("bilateralfilter")
    except ImportError:
        return _lattice_by_channel, "our lattice by channel, in place of Tang et al.'s C++"
    return (
        lambda *arguments: _call_module(module.bilateralfilter_batch, *arguments),
        "Tang et al.'s C++",
    )


def _call_library(
    call: Callable[..., object], image: Tensor, probs: Tensor, sigma_rgb: float, sigma_xy: float
) -> Tensor:
    filtered = torch.zeros_like(probs)
    buffers: list[object] = []
    for tensor in (image, probs, filtered):
        buffers += [ctypes.cast(tensor.data_ptr(), ctypes.POINTER(ctypes.c_float)), tensor.numel()]
    call(*buffers, *probs.shape, ctypes.c_float(sigma_rgb), ctypes.c_float(sigma_xy))
    return filtered


def _call_module(
    call: Callable[..., object], image: Tensor, probs: Tensor, sigma_rgb: float, sigma_xy: float
) -> Tensor:
    filtered = torch.zeros_like(probs)
    call(*(t.view(-1).numpy() for t in (image, probs, filtered)), *probs.shape, sigma_rgb, sigma_xy)
    return filtered


def _lattice_by_channel(image: Tensor, probs: Tensor, sigma_rgb: float, sigma_xy: float) -> Tensor:
    plan = plan_lattice(pixel_features(image, sigma_rgb, sigma_xy))
    return torch.stack(
        [filter_lattice(channel.flatten(1)[:, None], plan)[:, 0] for channel in probs.unbind(1)], 1
    )
