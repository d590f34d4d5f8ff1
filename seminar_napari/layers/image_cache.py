"""Images ready to be shown: switching to the next one does not wait for the disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from seminar.project.project import Project
from seminar_napari.workers.worker import Worker

KEPT_BYTES = 512 * 2**20
KEPT_IMAGES = 6


@dataclass(frozen=True, eq=False)
class Picture:
    """An image as napari shows it.

    Attributes
    ----------
    data : ndarray
        (H, W) grey, (H, W, 3) RGB, or (C, H, W) planes under a slider for 2 or more than 3
        channels.
    rgb : bool
    contrast_limits : (low, high) or None
        None for RGB.
    """

    data: npt.NDArray[Any]
    rgb: bool
    contrast_limits: tuple[float, float] | None


def picture(image: npt.NDArray[Any]) -> Picture:
    """How to show an image, (H, W, C) uint8, uint16 or float32."""
    channels = image.shape[2]
    if channels == 3 and image.dtype == np.uint8:
        return Picture(np.ascontiguousarray(image), True, None)
    if channels == 3:
        low, high = _limits(image)
        scaled = (np.nan_to_num(image.astype(np.float32)) - low) / (high - low)
        return Picture((np.clip(scaled, 0, 1) * 255).astype(np.uint8), True, None)
    data = image[..., 0] if channels == 1 else np.moveaxis(image, 2, 0)
    limits = (0, 255) if image.dtype == np.uint8 else _limits(image)
    return Picture(np.ascontiguousarray(data), False, limits)


def _limits(image: npt.NDArray[Any]) -> tuple[float, float]:
    finite = image[np.isfinite(image)] if image.dtype.kind == "f" else image
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low, low + 1.0)


class ImageCache:
    """Reads the images of one project, keeps the newest few, and reads ahead in the background."""

    def __init__(
        self, project: Project, kept_bytes: int = KEPT_BYTES, kept_images: int = KEPT_IMAGES
    ) -> None:
        self._project = project
        self._kept_bytes = kept_bytes
        self._kept_images = kept_images
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._lock = threading.Lock()
        # a fault is no news: it is reported when the image is shown
        self._ahead: Worker[Picture] = Worker("seminar-read-ahead", kept=0)

    def get(self, image_id: str) -> Picture:
        """The picture of an image, read now if it is not there yet.

        Raises
        ------
        SeminarError, OSError
            The file cannot be read.
        """
        with self._lock:
            if image_id in self._pictures:
                self._pictures.move_to_end(image_id)
                return self._pictures[image_id]
        return self._read(image_id)

    def holds(self, image_id: str) -> bool:
        """Whether `get` answers without reading."""
        with self._lock:
            return image_id in self._pictures

    def read_ahead(self, image_ids: Iterable[str]) -> None:
        """Read these next, in this order, in the background; earlier requests are dropped."""
        self._ahead.forget()
        for image_id in image_ids:
            if not self.holds(image_id):
                self._ahead.submit(image_id, partial(self._read, image_id))

    def _read(self, image_id: str) -> Picture:
        shown = picture(self._project.read_image(image_id))
        with self._lock:
            self._pictures[image_id] = shown
            self._pictures.move_to_end(image_id)
            while len(self._pictures) > 1 and (
                len(self._pictures) > self._kept_images
                or sum(kept.data.nbytes for kept in self._pictures.values()) > self._kept_bytes
            ):
                self._pictures.popitem(last=False)
        return shown
