"""The contrast of the shown image: as training sees it, or as a person has set it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from seminar.io.files import write_text
from seminar.project.layout import CONTRAST
from seminar_napari.layers.picture import Limits, Picture
from seminar_napari.workers.worker import Worker

PATIENCE_SECONDS = 1.0

ByHand = dict[str, dict[int, Limits]]
"""By image id and plane."""


class Contrast:
    """Gives the image layer the limits of its image and plane, and keeps those set by hand.

    They are kept in the project; where it cannot be written, until the window closes.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._path: Path | None = None
        self._by_hand: ByHand = {}
        self._writer: Worker[None] = Worker("seminar-contrast", kept=0)
        self._layer: Any = None
        self._picture: Picture | None = None
        self._image_id = ""
        self._plane = 0
        self._is_setting = False
        viewer.dims.events.point.connect(self._on_plane)

    def close(self) -> None:
        """Follow the layer no more, and write what is not written yet."""
        self.leave()
        self._writer.wait(PATIENCE_SECONDS)
        self._viewer.dims.events.point.disconnect(self._on_plane)

    def use(self, project: Path | None) -> None:
        """Take the limits that are kept in this project folder."""
        self.leave()
        self._path = project / CONTRAST if project is not None else None
        self._by_hand = read_limits(self._path) if self._path is not None else {}

    def show(self, layer: Any, shown: Picture, image_id: str) -> None:
        """Give `layer`, which shows this picture, its limits, and keep what is set by hand."""
        self.leave()
        if shown.rgb:
            return
        self._layer, self._picture, self._image_id = layer, shown, image_id
        self._plane = self._shown_plane()
        self._set()
        layer.events.contrast_limits.connect(self._on_limits)

    def leave(self) -> None:
        """Another image comes: what changes now is not set by hand."""
        layer, self._layer = self._layer, None
        if layer is not None:
            layer.events.contrast_limits.disconnect(self._on_limits)

    def _set(self) -> None:
        layer, shown = self._layer, self._picture
        assert layer is not None and shown is not None
        usual = shown.contrast_limits[self._plane]
        low, high = self._by_hand.get(self._image_id, {}).get(self._plane, usual)
        least, most = shown.contrast_range
        self._is_setting = True
        try:
            layer.contrast_limits_range = min(least, low), max(most, high)
            layer.contrast_limits = low, high
        finally:
            self._is_setting = False

    def _shown_plane(self) -> int:
        assert self._layer is not None and self._picture is not None
        if self._layer.ndim < 3:
            return 0
        place = self._layer.world_to_data(self._viewer.dims.point[-self._layer.ndim :])
        return int(min(max(round(place[0]), 0), len(self._picture.contrast_limits) - 1))

    def _on_plane(self) -> None:
        if self._layer is not None and self._shown_plane() != self._plane:
            self._plane = self._shown_plane()
            self._set()

    def _on_limits(self) -> None:
        if self._is_setting or self._layer is None or self._path is None:
            return
        low, high = self._layer.contrast_limits
        self._by_hand.setdefault(self._image_id, {})[self._plane] = float(low), float(high)
        text = json.dumps(self._by_hand, indent=1) + "\n"
        self._writer.submit("limits", partial(write_text, self._path, text, durable=False))


def read_limits(path: Path) -> ByHand:
    """The limits in such a file; none where it is missing or damaged."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        kept: Mapping[str, Mapping[str, tuple[float, float]]] = json.loads(path.read_text("utf-8"))
        return {
            image_id: {
                int(plane): (float(low), float(high))
                for plane, (low, high) in planes.items()
                if low < high
            }
            for image_id, planes in kept.items()
        }
    return {}
