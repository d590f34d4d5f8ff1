"""Images ready to be shown: switching to the next one does not wait for the disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial

from seminar.project.project import Project
from seminar_napari.layers.picture import Picture, picture
from seminar_napari.workers.worker import Worker

KEPT_BYTES = 512 * 2**20
KEPT_IMAGES = 6


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
