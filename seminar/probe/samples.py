"""What is learnt from one image."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
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

MAX_CLICKS = 4000
"""Of more clicks a part is learnt from, so that the fit stays quick."""

_PRIMES = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)


@dataclass(frozen=True, eq=False)
class PixelFeatures:
    """The features at some pixels of an image of so many channels.

    Attributes
    ----------
    pixels : ndarray, (n, 2) int64
    features : ndarray, (n, F) float16
        As precise as the maps that they are from.
    around : ndarray, (2, F) float32
        Mean and variance at the pixels of `grid`.
    channels : int
    """

    pixels: npt.NDArray[np.int64]
    features: npt.NDArray[np.float16]
    around: npt.NDArray[np.float32]
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
        Of the n clicks.
    ranks : ndarray, (n,) uint64
        Which are learnt from where there are too many: those of low rank.
    """

    key: str
    class_ids: npt.NDArray[np.int64]
    at: PixelFeatures
    ranks: npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a fit is made to.

    Attributes
    ----------
    features : ndarray, (n, F) float32
    class_ids : ndarray, (n,) int64
    images : ndarray, (n,) int64
        Which of the images each click is in.
    counts : ndarray, (K,) int64
        Clicks of each class, with those that are not among the n.
    variances : ndarray, (F,) float64
        Over the pixels of `grid` of all images.
    """

    features: npt.NDArray[np.float32]
    class_ids: npt.NDArray[np.int64]
    images: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    variances: npt.NDArray[np.float64]


def lesson(samples: Sequence[Samples], num_classes: int) -> Lesson:
    """What is learnt from these images; of more than `MAX_CLICKS` as many of each class."""
    class_ids = np.concatenate([each.class_ids for each in samples])
    kept = _chosen(class_ids, np.concatenate([each.ranks for each in samples]))
    lengths = [len(each.class_ids) for each in samples]
    ends = np.cumsum(lengths)
    parts = np.split(kept, np.searchsorted(kept, ends[:-1]))
    features = [
        each.at.features[part - (end - len(each.class_ids))]
        for each, part, end in zip(samples, parts, ends, strict=True)
    ]
    means, variances = np.stack([each.at.around for each in samples], axis=1).astype(np.float64)
    return Lesson(
        np.concatenate(features).astype(np.float32),
        class_ids[kept],
        np.repeat(np.arange(len(samples)), lengths)[kept],
        np.bincount(class_ids, minlength=num_classes),
        variances.mean(axis=0) + means.var(axis=0),
    )


def _chosen(
    class_ids: npt.NDArray[np.int64], ranks: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Indices of at most `MAX_CLICKS`, of each class those of the lowest ranks."""
    if len(class_ids) <= MAX_CLICKS:
        return np.arange(len(class_ids))
    places = [np.flatnonzero(class_ids == each) for each in np.unique(class_ids)]
    most = MAX_CLICKS // len(places)
    return np.sort(np.concatenate([each[np.argsort(ranks[each])[:most]] for each in places]))


def ranks_of(image_id: str, places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """(n,) numbers, as if by chance, that depend on the image's name and the (n, 2) pixels alone.

    So one click more or less changes hardly which others are learnt from.
    """
    rows, cols = places.astype(np.uint64).T
    mixed = (rows * _PRIMES[0]) ^ (cols * _PRIMES[1]) ^ np.uint64(zlib.crc32(image_id.encode()))
    mixed = (mixed ^ (mixed >> np.uint64(29))) * _PRIMES[2]
    return np.asarray(mixed ^ (mixed >> np.uint64(32)))


def moments(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(2, F) mean and variance of (m, F)."""
    exact = features.astype(np.float64)
    return np.stack([exact.mean(axis=0), exact.var(axis=0)]).astype(np.float32)


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
