"""What is learnt from one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seminar.clicks.click_set import pixels
from seminar.config.probe_settings import ProbeConfig
from seminar.errors import DatasetError
from seminar.io.intensities import to_float
from seminar.project.project import Project
from seminar.project.write_clicks import clicks_faults

GRID = 8
"""Pixels along each side of an image whose features say what is usual there."""


@dataclass(frozen=True, eq=False)
class PixelFeatures:
    """The features at some pixels of an image of so many channels.

    Attributes
    ----------
    pixels : ndarray, (n, 2) int64
    features : ndarray, (n, F) float32
    channels : int
    """

    pixels: npt.NDArray[np.int64]
    features: npt.NDArray[np.float32]
    channels: int


@dataclass(frozen=True, eq=False)
class Samples:
    """The clicks of one image.

    Attributes
    ----------
    key : str
        Another one as soon as the image changes, or what its features are made with.
    class_ids : ndarray, (n,) int64
    at : PixelFeatures
        Of the n clicks, and of the pixels of `grid` after them.
    """

    key: str
    class_ids: npt.NDArray[np.int64]
    at: PixelFeatures

    @property
    def pixels(self) -> npt.NDArray[np.int64]:
        """(n, 2), of the clicks."""
        return self.at.pixels[: len(self.class_ids)]

    @property
    def features(self) -> npt.NDArray[np.float32]:
        """(n, F), at the clicks."""
        return self.at.features[: len(self.class_ids)]

    @property
    def around(self) -> npt.NDArray[np.float32]:
        """(m, F), at the other pixels."""
        return self.at.features[len(self.class_ids) :]


def clicked_pixels(
    project: Project, image_id: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(n, 2) pixels (row, col) of an image's clicks as they are on disk now, and (n,) class ids.

    Raises
    ------
    DatasetError
        The clicks cannot be read, or do not go with the image.
    """
    clicks = project.read_clicks(image_id)
    if clicks is None or not (inside := clicks.inside()).any():
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.int64)
    where = str(project.clicks_path(image_id))
    if faults := clicks_faults(clicks, project.classes, where, project.image_size(image_id)):
        raise DatasetError(faults)
    return pixels(clicks.points[inside]), clicks.class_ids[inside]


def prepared_image(project: Project, config: ProbeConfig, image_id: str) -> npt.NDArray[np.float32]:
    """(C, H, W) float32 on 0..255, stretched as a training would.

    Raises
    ------
    SeminarError
        It cannot be read.
    """
    return to_float(
        project.read_image(image_id),
        channels=config.channels,
        stretch=config.stretch,
        where=str(project.image_path(image_id)),
    )


def grid(height: int, width: int) -> npt.NDArray[np.int64]:
    """(GRID * GRID, 2) pixels, evenly over the image; of a small one fewer."""
    rows, cols = (
        ((np.arange(min(GRID, side)) + 0.5) * side / min(GRID, side)).astype(np.int64)
        for side in (height, width)
    )
    return np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)
