"""How much of the bare network's throughput tiled prediction keeps.

    python benchmarks/speed/predict.py [--json]

The same tiles go once through the network alone and once through `Predictor.predict`, which also
cuts, stretches, blends and takes the most probable class; in turn, in changing order, so that a
busy machine slows both. Each round gives one ratio; their median is what counts. Both sides keep
freed memory (`kept_memory`): by default the allocator sometimes clears pages again for one side
only, which is half a network's time.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from seminar.config.settings import TrainConfig
from seminar.inference.predictor import Predictor
from seminar.inference.tiles import plan
from seminar.labels import ClassNames
from seminar.models.build_network import build_network
from seminar.runtime.allocator import allow_retuning, kept_memory
from seminar.runtime.devices import describe, mixed_precision, pick_device, use_threads

BAR = 0.9
"""Least share of the bare network's throughput."""


@dataclasses.dataclass(frozen=True)
class PredictBench:
    """What was measured.

    Attributes
    ----------
    ratio : float
        Time of the bare network over time of tiled prediction, median of the repeats; `BAR` is to
        be reached.
    megapixels_per_second : float
        Of the image, overlaps counted once.
    """

    ratio: float
    megapixels_per_second: float
    tiles: int
    tile_size: int
    image_side: int
    device: str

    @property
    def is_met(self) -> bool:
        return self.ratio >= BAR


def run_predict_bench(
    *,
    side: int = 1408,
    tile_size: int = 512,
    overlap: int = 64,
    repeats: int = 6,
    device: str = "auto",
) -> PredictBench:
    """Measure on a random image with a network of random weights; neither changes the time.

    Parameters
    ----------
    side, tile_size, overlap : int
        Pixels. The default image makes nine whole tiles.
    repeats : int
        How often each is timed; the first round is not counted.
    """
    where = pick_device(device)
    if where.type == "cpu":
        use_threads()
    torch.manual_seed(0)
    network = build_network(
        TrainConfig(start="random", backbone="mobilenet_v2", weights="none"),
        num_classes=2,
        channels=3,
    ).to(memory_format=torch.channels_last)
    predictor = Predictor(
        network,
        classes=ClassNames.of("background", "object"),
        device=where,
        tile_size=tile_size,
        overlap=overlap,
    )
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    prepared = torch.from_numpy(predictor.prepare(image))
    spans = plan(side, tile_size=tile_size, overlap=overlap)
    windows = [
        prepared[:, row.start : row.stop, col.start : col.stop]
        for row, col in itertools.product(spans, spans)
    ]
    batches = [
        torch.stack(alike[start : start + predictor.batch_size]).to(
            where, memory_format=torch.channels_last
        )
        for alike in _of_one_shape(windows)
        for start in range(0, len(alike), predictor.batch_size)
    ]
    network.eval()
    sides = (lambda: _run_network(network, batches, where), lambda: predictor.predict(image))
    rounds = []
    for number in range(repeats + 1):
        seconds = {side: _seconds(sides[side]) for side in ((0, 1) if number % 2 else (1, 0))}
        rounds.append((seconds[0], seconds[1]))
    bare, tiled = zip(*rounds[1:], strict=True)
    return PredictBench(
        ratio=statistics.median(one / other for one, other in zip(bare, tiled, strict=True)),
        megapixels_per_second=side * side / 1e6 / statistics.median(tiled),
        tiles=len(windows),
        tile_size=tile_size,
        image_side=side,
        device=describe(where),
    )


def _of_one_shape(windows: list[torch.Tensor]) -> list[list[torch.Tensor]]:
    shapes: dict[torch.Size, list[torch.Tensor]] = {}
    for window in windows:
        shapes.setdefault(window.shape, []).append(window)
    return list(shapes.values())


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _run_network(
    network: torch.nn.Module, batches: list[torch.Tensor], device: torch.device
) -> None:
    with kept_memory(), torch.inference_mode(), mixed_precision(device):
        for batch in batches:
            network(batch)
        if device.type == "cuda":
            torch.cuda.synchronize(device)


def main(words: list[str] | None = None) -> None:
    """Print the figures, or JSON."""
    parser = argparse.ArgumentParser(description="What tiled prediction keeps of the throughput.")
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(words)
    allow_retuning()
    found = run_predict_bench(device=options.device)
    if options.json:
        text = json.dumps(dataclasses.asdict(found) | {"bar": BAR, "is_met": found.is_met})
    else:
        text = (
            f"Tiled prediction keeps {100 * found.ratio:.0f} % of the bare network's throughput"
            f" (bar: {100 * BAR:.0f} %): {found.megapixels_per_second:.2f} megapixels/s,"
            f" {found.tiles} tiles of {found.tile_size} px on {found.device}"
        )
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
