"""How accurate and how fast the dense-CRF loss is: ``python benchmarks/crf/cpu.py [--json]``.

Errors are against the exact Gaussian; times are processor times against Tang et al.'s C++ lattice,
measured in turn with ours. Their code is not part of this project: it is used where its module
``bilateralfilter`` can be imported, or where ``reference`` names a shared library made from its
sources. Otherwise our own lattice, one channel at a time as theirs, stands in; it is the slower of
the two, so its ratios flatter us, and the rows say so.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.crf.photos import PHOTOS, load_photos, smooth_probs
from benchmarks.crf.reference import Reference, find_reference
from seminar.losses.dense_crf import CrfPlan, dense_crf, prepare_dense_crf
from seminar.losses.dense_crf.features import gaussian, pixel_features
from seminar.losses.dense_crf.landmarks import plan_nystrom
from seminar.losses.dense_crf.nystrom import filter_nystrom

ROOT = Path(__file__).parents[2]
_SIDES = (128, 256, 512, 1024)  # of the images whose times give the exponent
_SIGMA_RGB = 15.0
_SIGMA_XY_SHARE = 100 / 513  # of the image's side, as in the paper


@dataclasses.dataclass(frozen=True)
class CrfRow:
    """One measured figure; ``bar`` is the most it may be, ``note`` how it was come by."""

    name: str
    value: float
    unit: str
    bar: float | None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the figure reaches its bar; None where there is none."""
        return None if self.bar is None else self.value <= self.bar


@dataclasses.dataclass(frozen=True)
class CrfBench:
    """All figures, what they were compared with, and the number of threads."""

    rows: tuple[CrfRow, ...]
    reference: str
    threads: int


def run_crf_bench(
    *,
    size: int = 256,
    repeats: int = 7,
    reference: Path | None = None,
    step: Callable[[], object] | None = None,
) -> CrfBench:
    """Measure the loss on four photographs.

    Parameters
    ----------
    size
        Side of the photographs in pixels.
    repeats
        Times each thing is timed, in turn with the others; medians are reported.
    reference
        Shared library made from Tang et al.'s ``bilateralfilter.cpp`` and ``permutohedral.cpp``.
    step
        One optimiser step without the CRF, crop 256 and batch 4, to hold the loss against. None:
        MobileNetV2 with torchvision's DeepLabv3 head.
    """
    lattice, reference_name = find_reference(reference)
    images = load_photos(size)
    rows = [
        *_errors(images),
        *_speed(images, lattice, repeats, reference_name),
        *_share_of_step(images, repeats, step),
        *_memory(size),
        _exponent(repeats, _SIDES),
    ]
    return CrfBench(tuple(rows), reference_name, torch.get_num_threads())


def _errors(images: Tensor) -> list[CrfRow]:
    size = images.shape[-1]
    features = pixel_features(images, _SIGMA_RGB, size * _SIGMA_XY_SHARE)
    probs = smooth_probs(4, 21, size).flatten(2)
    some = torch.arange(7, size * size, 23)  # pixels at which the exact filter is computed
    exact = torch.cat([_exact_at(features[i : i + 1], probs[i : i + 1], some) for i in range(4)])
    rows = []
    for landmarks, bar in ((128, None), (256, 3.0), (512, 1.2)):
        filtered = filter_nystrom(features, probs, plan_nystrom(features, landmarks))[
            :, :, some
        ].double()
        errors = ((filtered - exact).norm(dim=(1, 2)) / exact.norm(dim=(1, 2)) * 100).tolist()
        each = ", ".join(f"{name} {error:.2f}" for name, error in zip(PHOTOS, errors, strict=True))
        rows.append(CrfRow(f"error, m = {landmarks}, worst photo", max(errors), "%", bar, each))
    return rows


def _exact_at(features: Tensor, probs: Tensor, some: Tensor) -> Tensor:
    """W S at a few pixels, in float64."""
    features, probs = features.double(), probs.double()
    parts = [
        torch.bmm(probs, gaussian(features, features[:, :, part]))
        for part in torch.split(some, 256)
    ]
    return torch.cat(parts, -1)


def _speed(images: Tensor, lattice: Reference, repeats: int, name: str) -> list[CrfRow]:
    size = images.shape[-1]
    sigma_xy = size * _SIGMA_XY_SHARE
    plan = prepare_dense_crf(images, sigma_xy=sigma_xy)
    rows = []
    for classes, bar, prepared_bar in ((21, 1.0, 0.8), (2, 1.5, None)):
        probs = smooth_probs(4, classes, size).requires_grad_()
        theirs, ours, prepared = _take_turns(
            repeats,
            partial(lattice, images, probs.detach(), _SIGMA_RGB, sigma_xy),
            partial(_loss_and_gradient, probs, images, sigma_xy),
            partial(_loss_and_gradient, probs, images, sigma_xy, plan),
        )
        for title, timing, most in (("", ours, bar), (", prepared", prepared, prepared_bar)):
            note = f"processor {timing.processor:.0f} against {theirs.processor:.0f} ms of {name}; "
            note += f"wall {timing.wall:.0f} against {theirs.wall:.0f} ms"
            ratio = timing.processor / theirs.processor
            rows.append(
                CrfRow(f"time, K = {classes}{title}", ratio, "of the reference", most, note)
            )
    return rows


def _loss_and_gradient(
    probs: Tensor, image: Tensor, sigma_xy: float, plan: CrfPlan | None = None
) -> None:
    torch.autograd.grad(dense_crf(probs, image, sigma_xy=sigma_xy, prepared=plan), probs)


def _share_of_step(images: Tensor, repeats: int, step: Callable[[], object] | None) -> list[CrfRow]:
    """Share of the CRF in a step that has it: prepared as training does it
    (``objectives.with_crf_plan``), and all in the step.
    """
    beside = (
        "a step of ours"
        if step
        else "forward, cross-entropy, backward, SGD of one MobileNetV2, stride 16, ASPP head"
    )
    half = nn.functional.interpolate(images, size=(128, 128), mode="area")
    plan = prepare_dense_crf(half, sigma_xy=128 * _SIGMA_XY_SHARE)
    probs = smooth_probs(4, 21, 128).requires_grad_()
    whole, loss, prepared = _take_turns(
        max(3, repeats // 2),
        step or _training_step(),
        partial(_loss_and_gradient, probs, half, 128 * _SIGMA_XY_SHARE),
        partial(_loss_and_gradient, probs, half, 128 * _SIGMA_XY_SHARE, plan),
    )
    rows = []
    for title, timing, bar in (
        ("landmarks from the loader", prepared, 3.0),
        ("landmarks made in it", loss, None),
    ):
        share = 100 * timing.processor / (whole.processor + timing.processor)
        note = f"{timing.processor:.0f} ms beside {whole.processor:.0f} of {beside}"
        rows.append(CrfRow(f"share of a training step, K = 21, {title}", share, "%", bar, note))
    return rows


def _training_step() -> Callable[[], object]:
    # not for the processes whose memory is measured: it takes as long to import as torch
    from torchvision.models import mobilenet_v2
    from torchvision.models.segmentation.deeplabv3 import DeepLabHead

    backbone = mobilenet_v2(weights=None).features
    for block in backbone[14:]:  # stride 16: the last step down becomes a dilation
        for layer in block.modules():
            if isinstance(layer, nn.Conv2d) and layer.groups > 1:
                layer.stride, layer.dilation, layer.padding = (1, 1), (2, 2), (2, 2)
    network = nn.Sequential(
        backbone, DeepLabHead(1280, 21), nn.Upsample((256, 256), mode="bilinear")
    )
    optimiser = torch.optim.SGD(network.parameters(), lr=0.007, momentum=0.9)
    crop, labels = torch.randn(4, 3, 256, 256), torch.randint(0, 21, (4, 256, 256))

    def step() -> None:
        optimiser.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(network(crop), labels))
        optimiser.step()

    return step


def _memory(size: int) -> list[CrfRow]:
    """What a call adds to the resident memory of a fresh process at its peak; Linux only."""
    if not Path("/proc/self/clear_refs").exists():
        return []
    rows = []
    for batch, bar in ((4, 20.0), (1, None)):
        program = f"from benchmarks.crf.cpu import print_peak; print_peak({size}, {batch})"
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
        )
        note = "gradient, saved slope and workspace, beyond probs and image"
        rows.append(
            CrfRow(
                f"peak memory an image, K = 21, batch {batch}", float(done.stdout), "MB", bar, note
            )
        )
    return rows


def print_peak(size: int, batch: int) -> None:
    """Write the peak of one call and its backward, in MB an image, for the process that measures
    it.
    """
    images, probs = load_photos(size)[:batch], smooth_probs(batch, 21, size).requires_grad_()
    small = torch.rand(batch, 2, 32, 32, requires_grad=True)
    _loss_and_gradient(small, images[:, :, :32, :32], 6.0)  # loads what the first call loads
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = _status("VmRSS")
    _loss_and_gradient(probs, images, size * _SIGMA_XY_SHARE)
    sys.stdout.write(f"{(_status('VmHWM') - before) / 1e3 / batch}\n")


def _status(field: str) -> int:
    """A line of this process's status, in kB."""
    line = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(field)
    )
    return int(line.split()[1])


def _exponent(repeats: int, sides: tuple[int, ...]) -> CrfRow:
    times = []
    for side in sides:
        image, probs = load_photos(side)[:1], smooth_probs(1, 21, side).requires_grad_()
        work = partial(_loss_and_gradient, probs, image, side * _SIGMA_XY_SHARE)
        times.append(_take_turns(3 if side > 256 else repeats, work)[0])
    x, y = [2 * math.log(side) for side in sides], [math.log(timing.processor) for timing in times]
    note = ", ".join(
        f"{side}²: {timing.processor:.0f} ms" for side, timing in zip(sides, times, strict=True)
    )
    slope = statistics.linear_regression(x, y).slope
    return CrfRow(f"exponent of time in pixels, {sides[0]}² to {sides[-1]}²", slope, "", 1.0, note)


class _Timing(NamedTuple):
    processor: float
    wall: float


def _take_turns(repeats: int, *works: Callable[[], object]) -> list[_Timing]:
    """Median milliseconds of each, measured in turn after one run to warm up.

    The figures are ratios of processor time over all threads: on a shared machine the wall clock
    counts the turns of other programs. Wall times are in the notes.
    """
    taken: list[list[_Timing]] = [[] for _ in works]
    for turn in range(repeats + 1):
        for work, timings in zip(works, taken, strict=True):
            processor, wall = time.process_time(), time.perf_counter()
            work()
            if turn:
                timings.append(
                    _Timing(
                        1e3 * (time.process_time() - processor), 1e3 * (time.perf_counter() - wall)
                    )
                )
    return [
        _Timing(*(statistics.median(part) for part in zip(*timings, strict=True)))
        for timings in taken
    ]


def format_table(bench: CrfBench) -> str:
    """The figures as a Markdown table."""
    lines = [
        f"Reference: {bench.reference}; {bench.threads} threads.",
        "",
        "| figure | got | bar | met | how |",
    ]
    lines.append("|---|---|---|---|---|")
    for row in bench.rows:
        bar = "–" if row.bar is None else f"≤ {row.bar:g}"
        met = {None: "–", True: "yes", False: "**no**"}[row.is_met]
        lines.append(f"| {row.name} | {row.value:.2f} {row.unit} | {bar} | {met} | {row.note} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description="How accurate and how fast the dense-CRF loss is.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--reference", type=Path, help="shared library of Tang et al.'s filter")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    bench = run_crf_bench(repeats=arguments.repeats, reference=arguments.reference)
    as_json = json.dumps(dataclasses.asdict(bench), indent=2) + "\n"
    sys.stdout.write(as_json if arguments.json else format_table(bench))


if __name__ == "__main__":
    main()
