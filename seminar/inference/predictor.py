"""Images of any size in, class probabilities out."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from seminar.errors import SeminarError
from seminar.inference.tiles import STRIDE, Span, plan
from seminar.io.intensities import ImageArray, to_float
from seminar.labels import ClassNames, LabelMap
from seminar.models.checkpoint import load_model
from seminar.models.mean_field import Sharpened
from seminar.runtime.allocator import kept_memory
from seminar.runtime.devices import (
    avoid_failed_onednn,
    is_out_of_memory,
    mixed_precision,
    pick_device,
    use_threads,
)

TILE_SIZE, OVERLAP = 768, 128
"""Of a network that says nothing else (`tile_size`, `overlap`, `stride`), in pixels."""

CUDA_BATCH = 8
"""Tiles in one pass on a GPU; elsewhere one at a time is as fast and needs less memory."""

ROWS = 64
"""Rows of probabilities compared at a time: only the labels are as large as the image."""

Tile = tuple[Span, Span]


class Predictor:
    """A trained network with the preprocessing of its training; predicts images of any size.

    An image larger than `tile_size` is cut into overlapping tiles whose probabilities are blended
    (see `seminar.inference.tiles.plan`).

    Parameters
    ----------
    network : nn.Module
        (N, C, H, W) float32 on 0..255 to logits (N, K, H, W). It is moved to the device and used in
        eval mode; its own mode is restored afterwards.
    classes : ClassNames
    channels : tuple of int
        Channels of the images to use, in this order; empty takes all.
    stretch : tuple of float
        Percentiles of each image that become 0 and 255, as in training.
    num_channels : int, optional
        How many channels the network takes; images with another number are refused with a sentence.
    device : str or torch.device
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    tile_size, overlap : int
        Pixels, multiples of the network's stride; the overlap is at most half a tile. 0 takes the
        network's own tile size, and the overlap that goes with it.
    batch_size : int, optional
        Tiles in one pass; by default 8 on CUDA and 1 elsewhere.
    credits : str
        Where weights that others trained are from, and their licence; exports carry it.

    Attributes
    ----------
    halo : int
        Pixels around a block that are to be predicted with it and dropped: a rim lacks context.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        classes: ClassNames,
        channels: tuple[int, ...] = (),
        stretch: tuple[float, float] = (0.0, 100.0),
        num_channels: int | None = None,
        device: str | torch.device = "auto",
        tile_size: int = 0,
        overlap: int | None = None,
        batch_size: int | None = None,
        credits: str = "",
    ) -> None:
        self.device = pick_device(device) if isinstance(device, str) else device
        self.network = network.to(self.device)
        self.classes = classes
        self.channels = channels
        self.stretch = stretch
        self.num_channels = num_channels
        self.credits = credits
        self.stride = int(getattr(network, "multiple", STRIDE))
        self.tile_size = tile_size or int(getattr(network, "tile_size", TILE_SIZE))
        own = int(getattr(network, "overlap", OVERLAP))
        self.halo = own // 2
        if overlap is None:
            overlap = min(own, self.tile_size // 2 // self.stride * self.stride)
        self.overlap = overlap
        self._plan(1)  # refuses sizes that do not go together
        self.batch_size = batch_size or (CUDA_BATCH if self.device.type == "cuda" else 1)

    @classmethod
    def from_folder(
        cls,
        path: Path | str,
        device: str = "auto",
        *,
        tile_size: int = 0,
        overlap: int | None = None,
    ) -> Predictor:
        """The predictor of a run folder or a model.pt. On a CPU it leaves one core free.

        What starts at the probe has probabilities that follow the edges of the image
        (`seminar.models.mean_field.Sharpened`).

        Raises
        ------
        CheckpointError
            No model there, damaged, or from a newer version.
        """
        where = pick_device(device)
        if where.type == "cpu":
            use_threads()
        model = load_model(Path(path), where)
        network: nn.Module = model.network.to(memory_format=torch.channels_last)
        if model.sharpens:
            network = Sharpened(network)
        stride = int(getattr(network, "multiple", STRIDE))
        return cls(
            network,
            classes=model.classes,
            channels=model.config.channels,
            stretch=model.config.stretch,
            num_channels=model.channels,
            device=where,
            tile_size=-(-tile_size // stride) * stride,
            overlap=overlap,
            credits=model.credits,
        )

    def predict_probs(self, image: ImageArray, where: str = "the image") -> npt.NDArray[np.float32]:
        """Probability of each class at each pixel, (K, H, W) float32 that sums to 1 over K.

        Parameters
        ----------
        image : ndarray, (H, W, C) or (H, W)
            As `seminar.io.images.read_image` returns it.
        where : str
            Name of the image in messages.

        Raises
        ------
        SeminarError
            Not an image, channels that the network does not take, NaN; memory that does not even
            hold one tile.
        """
        if image.ndim not in (2, 3) or image.size == 0:
            raise SeminarError(
                f"{where}: expected an image of (height, width) or (height, width, channels), got "
                f"shape {image.shape}"
            )
        return self.predict_prepared(self.prepare(image, where))

    def predict(self, image: ImageArray, where: str = "the image") -> LabelMap:
        """The most probable class of each pixel, (H, W) uint8. See `predict_probs`."""
        return most_probable(self.predict_probs(image, where))

    def prepare(self, image: ImageArray, where: str = "the image") -> npt.NDArray[np.float32]:
        """The network's input, (C, H, W) float32 on 0..255, stretched as in training."""
        prepared = to_float(image, channels=self.channels, stretch=self.stretch, where=where)
        if self.num_channels not in (None, len(prepared)):
            raise SeminarError(
                f"{where}: the model takes {self.num_channels} channels, the image has "
                f"{len(prepared)}; give images like those that it was trained on"
            )
        return prepared

    def predict_prepared(self, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(K, H, W) probabilities of what `prepare` returned."""
        _, height, width = image.shape
        tensor = torch.from_numpy(np.ascontiguousarray(image))
        rows, cols = self._plan(height), self._plan(width)
        probs = torch.zeros(self.classes.num_classes, height, width)
        keeping = kept_memory() if self.device.type == "cpu" else contextlib.nullcontext()
        with keeping, _evaluating(self.network), torch.inference_mode():
            for tiles in self._batches(list(itertools.product(rows, cols))):
                for (row, col), result in zip(tiles, self._run(tensor, tiles), strict=True):
                    window = probs[:, row.start : row.stop, col.start : col.stop]
                    if len(rows) == len(cols) == 1:
                        window.copy_(result)
                    else:
                        result *= torch.from_numpy(row.weights)[:, None] * torch.from_numpy(
                            col.weights
                        )
                        window += result
        array: npt.NDArray[np.float32] = probs.numpy()
        return array

    def _plan(self, side: int) -> tuple[Span, ...]:
        return plan(side, tile_size=self.tile_size, overlap=self.overlap, stride=self.stride)

    def _batches(self, tiles: list[Tile]) -> Iterator[list[Tile]]:
        """Tiles of one shape together, at most `batch_size` at a time."""
        by_shape: dict[tuple[int, int], list[Tile]] = {}
        for row, col in tiles:
            by_shape.setdefault((row.stop - row.start, col.stop - col.start), []).append((row, col))
        for alike in by_shape.values():
            for start in range(0, len(alike), self.batch_size):
                yield alike[start : start + self.batch_size]

    def _run(self, image: Tensor, tiles: list[Tile]) -> Tensor:
        """(N, K, h, w) float32 probabilities on the CPU; halves a batch that does not fit."""
        batch = torch.stack(
            [image[:, row.start : row.stop, col.start : col.stop] for row, col in tiles]
        )
        try:
            batch = batch.to(self.device, memory_format=torch.channels_last)
            with mixed_precision(self.device):
                logits: Tensor = self.network(batch)
            return logits.float().softmax(dim=1).cpu()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            avoid_failed_onednn(error)
        if len(tiles) == 1:
            raise SeminarError(
                f"memory of {self.device} does not hold a tile of {batch.shape[-2]} x "
                f"{batch.shape[-1]} pixels; close other programs or predict on --device cpu"
            )
        half = self.batch_size = len(tiles) // 2
        return torch.cat([self._run(image, part) for part in (tiles[:half], tiles[half:])])


def most_probable(probs: npt.NDArray[np.float32]) -> LabelMap:
    """(K, H, W) probabilities to (H, W) uint8 class ids; of equal ones the lower id."""
    labels: LabelMap = np.zeros(probs.shape[1:], dtype=np.uint8)
    for start in range(0, len(labels), ROWS):
        rows = slice(start, start + ROWS)
        best = probs[0, rows].copy()
        for class_id in range(1, len(probs)):
            labels[rows][probs[class_id, rows] > best] = class_id
            np.maximum(best, probs[class_id, rows], out=best)
    return labels


@contextlib.contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    training = [
        module for module in network.modules() if module.training
    ]  # a live network may hold frozen parts
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
