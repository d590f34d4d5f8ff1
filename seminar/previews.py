"""Live label maps of one image while its networks learn, a tile at a time so that training hardly notices."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from seminar.events import Preview
from seminar.labels import IGNORE_INDEX, ClassNames
from seminar.run_folder import RunFolder
from seminar.transforms import Image

TILE = 512
"""Side of the tiles in which large images are drawn, in pixels."""

MARGIN = 32
"""What a tile sees around itself, in pixels."""

MIN_INTERVAL = 0.5
"""Seconds between two previews, at least."""

MAX_SHARE = 0.04
"""Share of the run's time that previews may take, at most."""


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
        All images that can be asked for; the first one is drawn where nobody asks.
    """

    def __init__(
        self, run: RunFolder, classes: ClassNames, read: Callable[[str], Image], image_ids: tuple[str, ...]
    ) -> None:
        self._run = run
        self._classes = classes
        self._read = read
        self._image_ids = image_ids
        self._known = frozenset(image_ids)
        self._next = 0.0
        self._cost = 0.0
        self._image_id = ""
        self._maps: dict[str, npt.NDArray[np.uint8]] = {}
        self._tiles: list[tuple[int, int]] = []

    def is_due(self, now: float) -> bool:
        """Whether enough time has passed since the last picture, at `now` of `time.monotonic()`."""
        return now >= self._next

    def draw(self, networks: Mapping[str, nn.Module], *, stage: str, iteration: int, device: torch.device) -> Preview:
        """Draw as many tiles as the time allows, at least one, and write the label maps.

        Parameters
        ----------
        networks : mapping
            "student", "teacher", and in the second stage "pseudo_label", the ancillary network. Disagreement is student against
            pseudo-label where there is one, otherwise against the teacher.
        """
        start = time.monotonic()
        image_id = self._wanted()
        image = self._read(image_id)
        if image_id != self._image_id or set(self._maps) != {*networks, "disagreement"}:
            shape = image.shape[1:]
            self._image_id, self._tiles = image_id, []
            self._maps = {name: np.full(shape, IGNORE_INDEX, dtype=np.uint8) for name in networks}
            self._maps["disagreement"] = np.zeros(shape, dtype=np.uint8)
        while True:
            if not self._tiles:
                height, width = image.shape[1:]
                self._tiles = [(top, left) for top in range(0, height, TILE) for left in range(0, width, TILE)][::-1]
            self._draw_tile(image, *self._tiles.pop(), networks, device)
            if not self._tiles or time.monotonic() - start > MIN_INTERVAL * MAX_SHARE:
                break
        for name, labels in self._maps.items():
            self._run.write_preview(image_id, name, labels, self._classes)
        now = time.monotonic()
        self._next = now + max(MIN_INTERVAL, (now - start) / MAX_SHARE)
        return Preview(stage=stage, iteration=iteration, image_id=image_id, layers=tuple(self._maps))

    def _wanted(self) -> str:
        asked = self._run.preview_requested()
        return asked if asked in self._known else self._image_ids[0]

    def _draw_tile(
        self, image: Image, top: int, left: int, networks: Mapping[str, nn.Module], device: torch.device
    ) -> None:
        rows, cols = (
            slice(max(0, top - MARGIN), top + TILE + MARGIN),
            slice(max(0, left - MARGIN), left + TILE + MARGIN),
        )
        crop = torch.from_numpy(np.ascontiguousarray(image[:, rows, cols], dtype=np.float32))[None].to(device)
        inner = (slice(top - rows.start, top - rows.start + TILE), slice(left - cols.start, left - cols.start + TILE))
        outer = (slice(top, top + TILE), slice(left, left + TILE))
        probs = {name: _probs(network, crop)[:, inner[0], inner[1]] for name, network in networks.items()}
        for name, values in probs.items():
            self._maps[name][outer] = values.argmax(dim=0).to(torch.uint8).cpu().numpy()
        other = probs.get("pseudo_label", probs["teacher"])
        distance = (probs["student"] - other).abs().sum(dim=0) / 2  # total variation, 0..1
        self._maps["disagreement"][outer] = (255 * distance).to(torch.uint8).cpu().numpy()


def _probs(network: nn.Module, crop: Tensor) -> Tensor:
    """(K, h, w) softmax output of one crop in eval mode, leaving the network's mode as it was."""
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            return torch.as_tensor(network(crop)).float().softmax(dim=1)[0]
    finally:
        network.train(training)
