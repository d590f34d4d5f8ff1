"""How accurate and how fast the dense-CRF loss is on a GPU: ``python benchmarks/crf/gpu.py``.

The figures are in crf.md.

At the paper's size: crops of 513 px whose CRF is computed on 256 x 256, batches of 12, 21 classes.
Times are medians of whole calls, loss and gradient, landmarks included, that take turns with a
training step of a DeepLabv3+ on ResNet-101.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.crf.photos import load_photos, smooth_probs
from seminar.config.settings import CrfMethod, preset
from seminar.losses.dense_crf import dense_crf
from seminar.losses.dense_crf.exact import filter_exact
from seminar.losses.dense_crf.features import gaussian, pixel_features
from seminar.models.build_network import build_network
from seminar.runtime.devices import describe, mixed_precision

CROP, SIDE, BATCH, CLASSES = 513, 256, 12, 21
SIGMA_RGB, SIGMA_XY = 15.0, 100 * SIDE / CROP
ROUNDS = 15


def measure(device: torch.device) -> dict[str, object]:
    """All figures; milliseconds, and errors as shares of the norm."""
    image = load_photos(SIDE).repeat(BATCH // 4, 1, 1, 1).to(device)
    probs = smooth_probs(BATCH, CLASSES, SIDE).to(device).requires_grad_()
    works: dict[str, Callable[[], object]] = {
        "step": _training_step(device),
        "nystrom_256": partial(_loss_and_gradient, probs, image, "nystrom", 256),
        "nystrom_512": partial(_loss_and_gradient, probs, image, "nystrom", 512),
        "exact": partial(_loss_and_gradient, probs, image, "exact", 256),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(ROUNDS + 3):  # the first ones compile and warm up
        for name, work in works.items():
            taken = _milliseconds(work, device)
            if turn >= 3:
                times[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    shares = {
        f"{name}_share": statistics.median(
            taken / (step + taken) for taken, step in zip(times[name], times["step"], strict=True)
        )
        for name in ("nystrom_256", "nystrom_512", "exact")
    }
    return {
        "device": describe(device),
        "torch": torch.__version__,
        "milliseconds": medians,
        "shares": shares,
        "exact_error": _error(image[:4], probs[:4].detach()),
    }


def _loss_and_gradient(probs: Tensor, image: Tensor, method: CrfMethod, landmarks: int) -> None:
    loss = dense_crf(
        probs, image, sigma_rgb=SIGMA_RGB, sigma_xy=SIGMA_XY, method=method, landmarks=landmarks
    )
    torch.autograd.grad(loss, probs)


def _training_step(device: torch.device) -> Callable[[], object]:
    """Forward, cross-entropy, backward and SGD of the student alone, in the precision that
    training uses.
    """
    config = preset("paper").replace(weights="none", norm="group")
    network = build_network(config, num_classes=CLASSES, channels=3).to(device).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    crop = torch.randn(BATCH, 3, CROP, CROP, device=device)
    labels = torch.randint(0, CLASSES, (BATCH, CROP, CROP), device=device)

    def step() -> None:
        optimiser.zero_grad()
        with mixed_precision(device):
            loss = nn.functional.cross_entropy(network(crop).float(), labels)
        torch.autograd.backward(loss)
        optimiser.step()

    return step


def _error(image: Tensor, probs: Tensor) -> float:
    """Of the fused filter, which is also that of the gradient, against float64 at every 61st
    pixel; the worst photo.
    """
    features = pixel_features(image, SIGMA_RGB, SIGMA_XY)
    values = probs.flatten(2)
    some = torch.arange(7, SIDE * SIDE, 61, device=image.device)
    fused = filter_exact(features, values)[:, :, some].double()
    exact = torch.cat(
        [
            torch.bmm(values.double(), gaussian(features.double(), features[:, :, part].double()))
            for part in torch.split(some, 256)
        ],
        -1,
    )
    return float(((fused - exact).norm(dim=(1, 2)) / exact.norm(dim=(1, 2))).max())


def _milliseconds(work: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return 1e3 * (time.perf_counter() - start)


if __name__ == "__main__":
    if not torch.cuda.is_available():
        raise SystemExit(
            "crf/gpu.py: no CUDA device here; python benchmarks/crf/cpu.py measures the CPU"
        )
    print(json.dumps(measure(torch.device("cuda")), indent=1))
