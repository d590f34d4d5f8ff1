"""Images ready to be shown: read ahead in the background, so that switching does not wait for
the disk.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seminar.errors import SeminarError
from seminar.project.project import Project

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
    return Picture(
        np.ascontiguousarray(data), False, (0, 255) if image.dtype == np.uint8 else _limits(image)
    )


def _limits(image: npt.NDArray[Any]) -> tuple[float, float]:
    finite = image[np.isfinite(image)] if image.dtype.kind == "f" else image
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low, low + 1.0)


class ImageCache:
    """Reads the images of one project, keeps the newest few, and reads ahead in a thread that
    ends when it has nothing to do.
    """

    def __init__(
        self, project: Project, kept_bytes: int = KEPT_BYTES, kept_images: int = KEPT_IMAGES
    ) -> None:
        self._project = project
        self._kept_bytes = kept_bytes
        self._kept_images = kept_images
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._wanted: list[str] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

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
        return self._keep(image_id, picture(self._project.read_image(image_id)))

    def holds(self, image_id: str) -> bool:
        """Whether `get` answers without reading."""
        with self._lock:
            return image_id in self._pictures

    def read_ahead(self, image_ids: Sequence[str]) -> None:
        """Read these next, in this order, in the background; earlier wishes are dropped."""
        with self._lock:
            self._wanted = [image_id for image_id in image_ids if image_id not in self._pictures]
            if self._wanted and self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="seminar-read-ahead", daemon=True
                )
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._thread = None
                    return
                image_id = self._wanted.pop(0)
            try:
                self._keep(image_id, picture(self._project.read_image(image_id)))
            except (SeminarError, OSError, MemoryError):
                continue  # said when the image is shown

    def _keep(self, image_id: str, shown: Picture) -> Picture:
        with self._lock:
            self._pictures[image_id] = shown
            self._pictures.move_to_end(image_id)
            while len(self._pictures) > 1 and (
                len(self._pictures) > self._kept_images
                or sum(kept.data.nbytes for kept in self._pictures.values()) > self._kept_bytes
            ):
                self._pictures.popitem(last=False)
        return shown
