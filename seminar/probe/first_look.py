"""A mask by the filters alone, without torch: it is there before torch is imported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from seminar.config.probe_settings import ProbeConfig
from seminar.errors import SeminarError
from seminar.models.filters import STRIDES, at_pixels, enlarged, filter_maps
from seminar.probe.answer import Answer
from seminar.probe.fit import Fit
from seminar.probe.mix import fit_mixed
from seminar.probe.samples import (
    PixelFeatures,
    Samples,
    clicked_pixels,
    grid,
    lesson,
    moments,
    prepared_image,
    ranks_of,
)
from seminar.project.project import Project
from seminar.project.splits import training_ids

FIRST_IMAGES, FIRST_PIXELS = 8, 2**20
"""So many clicked images are learnt from, the one on screen first; fewer where they have as many
pixels, which take half a second.
"""

BAND_PIXELS = 2**21
"""Larger images are worked on in bands of whole rows, which bounds the memory."""

HALO = 128
"""Rows above and below a band that its filters see with it; the coarsest reach 80."""

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Band:
    """Rows `start` to `stop` of an image; its maps begin at row `top`."""

    start: int
    stop: int
    top: int
    maps: list[Floats]


@dataclass(frozen=True, eq=False)
class FirstLook:
    """The mask of an image, (C, H, W), and how many clicks it is from."""

    image: Floats
    answer: Answer
    clicks: int


def first_look(
    project: Project, config: ProbeConfig, shown: str, *, split: str
) -> FirstLook | None:
    """The mask of the image on screen; None with clicks of fewer than two classes.

    It is that of a `seminar.probe.probe.Probe` on filters alone, but for rounding.

    Raises
    ------
    SeminarError, OSError
        Something cannot be read.
    """
    learnable = project.clicks_stamps().keys() & set(training_ids(project, split))
    order = sorted(learnable, key=lambda each: (each != shown, each))
    clicked, classes, size = dict[str, tuple[Pixels, Pixels]](), set[int](), 0
    for image_id in order[:FIRST_IMAGES]:
        clicked[image_id] = clicked_pixels(project, image_id)
        classes |= set(clicked[image_id][1].tolist())
        size += math.prod(project.image_size(image_id))
        if size >= FIRST_PIXELS and len(classes) >= 2:
            break
    if len(classes) < 2:
        return None
    image = prepared_image(project, config, shown)
    whole = list(_bands(image)) if image[0].size <= BAND_PIXELS else None
    samples = []
    for image_id, (places, class_ids) in clicked.items():
        other = image if image_id == shown else prepared_image(project, config, image_id)
        if len(other) != len(image):
            raise SeminarError(f"{image_id}: {len(other)} channels, {shown} has {len(image)}")
        bands = whole if whole and image_id == shown else _bands(other)
        found = _features(bands, np.concatenate([places, grid(*other.shape[1:])]))
        near, around = np.split(found, [len(places)])
        at = PixelFeatures(places, near.astype(np.float16), moments(around), len(other))
        samples.append(Samples("", class_ids, at, ranks_of(image_id, places)))
    given = lesson(samples, project.classes.num_classes)
    fitted, advantages = fit_mixed(given, num_filters=given.features.shape[1])
    answer = _predict(whole or _bands(image), image.shape[1:], fitted, advantages)
    return FirstLook(image, answer, int(given.counts.sum()))


def _bands(image: Floats) -> Iterator[Band]:
    """The maps of (C, H, W), band by band."""
    height, width = image.shape[1:]
    rows = max(1, BAND_PIXELS // width // STRIDES[-1]) * STRIDES[-1]
    for start in range(0, height, rows):
        top, stop = max(0, start - HALO), min(start + rows, height)
        yield Band(start, stop, top, filter_maps(image[:, top : stop + HALO]))


def _features(bands: Iterable[Band], pixels: Pixels) -> Floats:
    """(n, F) at (n, 2) pixels (row, col) of the image."""
    parts, order = [], []
    for band in bands:
        (inside,) = np.nonzero((pixels[:, 0] >= band.start) & (pixels[:, 0] < band.stop))
        parts.append(at_pixels(band.maps, pixels[inside] - (band.top, 0)))
        order.append(inside)
    return np.concatenate(parts)[np.argsort(np.concatenate(order))]


def _predict(
    bands: Iterable[Band], size: tuple[int, ...], fitted: Fit, advantages: Floats
) -> Answer:
    present = fitted.coordinates.present
    bias = (fitted.bias + advantages)[present]
    weights = np.split(fitted.weights[present], len(STRIDES), axis=1)
    labels, unsure = np.zeros(size, dtype=np.uint8), np.zeros(size, dtype=np.uint8)
    for band in bands:
        logits = bias[:, None, None]
        for stride, part, each in zip(STRIDES, weights, band.maps, strict=True):
            logits = logits + enlarged(np.tensordot(part, each, axes=1), stride)
        rows = slice(band.start - band.top, band.stop - band.top)
        probs = softmax(logits[:, rows, : size[1]], axis=0)  # (P, h, w)
        second, first = np.partition(probs, (-2, -1), axis=0)[-2:]
        labels[band.start : band.stop] = present[probs.argmax(axis=0)]
        unsure[band.start : band.stop] = (255 * (1 - (first - second))).round()
    return Answer(labels, unsure)
