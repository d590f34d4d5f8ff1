"""Live label maps while the networks learn, a tile at a time so that training hardly slows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from seminar.data.transforms import Image
from seminar.errors import SeminarError
from seminar.labels import IGNORE_INDEX, ClassNames
from seminar.run.events import Preview
from seminar.run.folder import RunFolder

TILE = 512
"""Side of the tiles in which large images are drawn, in pixels."""

MARGIN = 32
"""Context around a tile, in pixels."""

MIN_INTERVAL = 0.5
"""Seconds between two previews, at least."""

MAX_SHARE = 0.04
"""Share of the run's time that previews may take, at most."""


OTHERS_EVERY = 4
"""One picture in so many is of another image, in turn, so that all can be searched for errors."""


@dataclass
class _Canvas:
    """The label maps of one image, and the tiles (top, left) that this round has still to draw."""

    image_id: str
    maps: dict[str, npt.NDArray[np.uint8]]
    tiles: list[tuple[int, int]]


class Previewer:
    """Draws student, teacher, pseudo-label and disagreement of the image that the window shows.

    Parameters
    ----------
    run : RunFolder
        Takes the pictures; its preview request names the image.
    classes : ClassNames
    read : callable
        Image by image id, (C, H, W) on 0..255.
    image_ids : sequence of str
        All images that can be requested; the first one is drawn without a request.
    channels : int
        Channels that the networks take; images with another number are skipped.
    """

    def __init__(
        self,
        run: RunFolder,
        classes: ClassNames,
        read: Callable[[str], Image],
        image_ids: tuple[str, ...],
        channels: int,
    ) -> None:
        self._run = run
        self._classes = classes
        self._read = read
        self._image_ids = image_ids
        self._known = frozenset(image_ids)
        self._channels = channels
        self._next = 0.0
        self._cost = 0.0
        self._count = 0
        self._other = 0
        self._canvases: dict[bool, _Canvas] = {}

    def is_due(self, now: float) -> bool:
        """Whether enough time has passed since the last picture, at `now` of `time.monotonic()`."""
        return now >= self._next

    def draw(
        self,
        networks: Mapping[str, nn.Module],
        *,
        stage: str,
        iteration: int,
        device: torch.device,
        only_shown: bool = False,
    ) -> Preview | None:
        """Draw at least one tile, and more while time allows, and write the label maps.

        None where the image cannot be drawn. People also look at images that are not trained on;
        one that is damaged or has other channels costs its picture, not the run.

        Parameters
        ----------
        networks : mapping
            "student", "teacher", and in the second stage "pseudo_label", the ancillary network.
            Disagreement is between the student and the pseudo-label, or the teacher in the first
            stage.
        only_shown : bool
            Draw no other image; for the last picture of a stage.
        """
        start = time.monotonic()
        shown = self._wanted()
        self._count += not only_shown
        of_other = not only_shown and self._count % OTHERS_EVERY == 0 and len(self._image_ids) > 1
        image_id = self._next_other(shown) if of_other else shown
        image = self._drawable(image_id)
        if image is None:
            self._next = time.monotonic() + MIN_INTERVAL
            return None
        canvas = self._canvases.get(of_other)
        if (
            canvas is None
            or canvas.image_id != image_id
            or set(canvas.maps) != {*networks, "disagreement"}
        ):
            maps = {
                name: np.full(image.shape[1:], IGNORE_INDEX, dtype=np.uint8) for name in networks
            }
            maps["disagreement"] = np.zeros(image.shape[1:], dtype=np.uint8)
            canvas = self._canvases[of_other] = _Canvas(image_id, maps, [])
        while True:
            if not canvas.tiles:
                height, width = image.shape[1:]
                canvas.tiles = [
                    (top, left) for top in range(0, height, TILE) for left in range(0, width, TILE)
                ][::-1]
            _draw_tile(canvas.maps, image, *canvas.tiles.pop(), networks, device)
            if not canvas.tiles or time.monotonic() - start > MIN_INTERVAL * MAX_SHARE:
                break
        with contextlib.suppress(OSError):  # a full disk costs a picture, not the run
            for name, labels in canvas.maps.items():
                self._run.write_preview(image_id, name, labels, self._classes)
        now = time.monotonic()
        self._next = now + max(MIN_INTERVAL, (now - start) / MAX_SHARE)
        return Preview(
            stage=stage, iteration=iteration, image_id=image_id, layers=tuple(canvas.maps)
        )

    def _drawable(self, image_id: str) -> Image | None:
        try:
            image = self._read(image_id)
        except (SeminarError, OSError):
            return None
        return image if len(image) == self._channels else None

    def _next_other(self, shown: str) -> str:
        """The other image that is being drawn, or the next in turn once that one is complete."""
        canvas = self._canvases.get(True)
        if canvas is not None and canvas.tiles and canvas.image_id != shown:
            return canvas.image_id
        self._other = (self._other + 1) % len(self._image_ids)
        if self._image_ids[self._other] == shown:
            self._other = (self._other + 1) % len(self._image_ids)
        return self._image_ids[self._other]

    def _wanted(self) -> str:
        asked = self._run.preview_requested()
        return asked if asked in self._known else self._image_ids[0]


def _draw_tile(
    maps: dict[str, npt.NDArray[np.uint8]],
    image: Image,
    top: int,
    left: int,
    networks: Mapping[str, nn.Module],
    device: torch.device,
) -> None:
    rows = slice(max(0, top - MARGIN), top + TILE + MARGIN)
    cols = slice(max(0, left - MARGIN), left + TILE + MARGIN)
    crop = torch.from_numpy(np.ascontiguousarray(image[:, rows, cols], dtype=np.float32))[None].to(
        device
    )
    inner = (
        slice(top - rows.start, top - rows.start + TILE),
        slice(left - cols.start, left - cols.start + TILE),
    )
    outer = (slice(top, top + TILE), slice(left, left + TILE))
    probs = {
        name: _probs(network, crop)[:, inner[0], inner[1]] for name, network in networks.items()
    }
    for name, values in probs.items():
        maps[name][outer] = values.max(dim=0).indices.to(torch.uint8).cpu().numpy()
    other = probs.get("pseudo_label", probs["teacher"])
    distance = (probs["student"] - other).abs().sum(dim=0) / 2  # total variation, 0..1
    maps["disagreement"][outer] = (255 * distance).to(torch.uint8).cpu().numpy()


def _probs(network: nn.Module, crop: Tensor) -> Tensor:
    """(K, h, w) softmax output of one crop in eval mode, leaving the network's mode as it was."""
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            return torch.as_tensor(network(crop)).float().softmax(dim=1)[0]
    finally:
        network.train(training)
