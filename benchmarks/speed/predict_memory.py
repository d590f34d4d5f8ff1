"""Peak memory of predicting an image larger than memory.

    python benchmarks/speed/predict_memory.py FOLDER SIDE...

For each side a synthetic tiled tif of SIDE x SIDE pixels (8-bit, blobs) is written into FOLDER,
predicted into OME-Zarr labels and instances in a process of its own, and removed again. The network
is a threshold, so that reading, cutting, blending and writing are what is measured.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

TILE = 1024


def write_image(path: Path, side: int) -> None:
    """Tile by tile, so that this process stays small too."""
    from scipy import ndimage

    noise = ndimage.gaussian_filter(np.random.default_rng(0).random((TILE, TILE)), 20, mode="wrap")
    tile = (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)
    number = -(-side // TILE)

    def tiles() -> Iterator[np.ndarray]:
        for _ in range(number * number):
            yield tile

    tifffile.imwrite(
        path, tiles(), shape=(side, side), dtype=np.uint8, tile=(TILE, TILE), bigtiff=True
    )


def predict(path: Path, out: Path) -> None:
    """Print peak resident megabytes after loading, after the labels and after the instances, and
    the seconds of both.
    """
    import resource

    import torch

    from seminar.inference import blockwise
    from seminar.inference.instances.blockwise import divide_large
    from seminar.inference.predictor import Predictor
    from seminar.labels import ClassNames

    class Bright(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.cat([150 - image, image - 150], dim=1)

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    predictor = Predictor(Bright(), classes=ClassNames.of("background", "blob"), device="cpu")
    blockwise.cached_predictor = lambda *_: predictor  # type: ignore[assignment]
    torch.set_num_threads(1)
    figures, begin = [peak()], time.process_time()
    blockwise.predict_large(path, path, out=out / "labels.zarr", tile_size=predictor.tile_size)
    figures += [peak(), time.process_time() - begin]
    begin = time.process_time()
    divide_large(path, labels=out / "labels.zarr", out=out / "instances.zarr")
    figures += [peak(), time.process_time() - begin]
    print(*(f"{figure:.0f}" for figure in figures))


def main(folder: Path, sides: list[int]) -> None:
    print("side, px | loaded, MB | labels, MB | CPU, s | instances, MB | CPU, s")
    for side in sides:
        place = folder / f"predict_memory_{side}"
        place.mkdir(parents=True)
        try:
            write_image(place / "image.tif", side)
            words = [sys.executable, __file__, "--predict", str(place / "image.tif"), str(place)]
            print(
                side,
                *subprocess.run(words, capture_output=True, text=True, check=True).stdout.split(),
                sep=" | ",
            )
        finally:
            shutil.rmtree(place)


if __name__ == "__main__":
    if sys.argv[1] == "--predict":
        predict(*map(Path, sys.argv[2:]))
    else:
        main(Path(sys.argv[1]), [int(word) for word in sys.argv[2:]])
