"""Clicks spread over superpixels into pseudo-labels, as in ScribbleSup (Lin et al., CVPR 2016)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import factorized
from skimage.color import rgb2lab
from skimage.segmentation import slic

from seminar.clicks.click_set import ClickSet, pixels
from seminar.io.intensities import ImageArray, to_float
from seminar.io.label_png import write_label_png
from seminar.labels import IGNORE_INDEX, LabelMap
from seminar.project.check.project import validate
from seminar.project.project import Project
from seminar.project.splits import training_ids

COMPACTNESS = 10.0
"""Weight of roundness in SLIC, relative to colour differences in Lab."""

LEAK = 1e-6
"""Least share of every class in a superpixel; one without a click in reach is unsure of all."""

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spreading:
    """How far a click reaches.

    Attributes
    ----------
    superpixel_size : float
        Side of a superpixel in pixels, on average.
    sigma : float
        Difference of colour at which neighbouring superpixels still belong together, in Lab units:
        black and white are 100 apart.
    confidence : float
        Least probability of a label; a superpixel below it is 255.
    prior_weight : float
        Weight of the probabilities of a network relative to a neighbour of equal colour.
    """

    superpixel_size: float = 5.0
    sigma: float = 5.0
    confidence: float = 0.7
    prior_weight: float = 0.1


def propagate(
    image: npt.NDArray[np.floating],
    clicks: ClickSet,
    num_classes: int,
    spreading: Spreading | None = None,
    *,
    prior: npt.NDArray[np.floating] | None = None,
) -> LabelMap:
    """Spread the clicks of an image to the pixels whose class they make probable.

    Parameters
    ----------
    image : ndarray, (C, H, W) float on 0..255
    clicks : ClickSet
    num_classes : int
    prior : ndarray, (K, H, W) float, optional
        Probabilities of a network that was trained on an earlier spreading.

    Returns
    -------
    ndarray, (H, W) uint8
        Class ids; 255 where no class has the probability `confidence`. A clicked pixel has the
        class of its click.

    Notes
    -----
    SLIC superpixels are the nodes of a graph, weighted by the length of the border between two of
    them times exp(-d^2 / 2 sigma^2), d the difference of their mean colours. A random walker (Grady
    2006) starts in each superpixel; the probability that it first meets a click of class k is the
    probability of class k there. A superpixel with clicks of several classes has each in
    proportion. With `prior` the walker ends anywhere with a small probability and takes the class
    from the network (Grady 2005, random walks with prior models). ScribbleSup uses a graph cut
    instead.
    """
    spreading = spreading or Spreading()
    colours = _colours(image)
    height, width = colours.shape[:2]
    count = max(1, round(height * width / spreading.superpixel_size**2))
    superpixels = slic(
        colours,
        n_segments=count,
        compactness=COMPACTNESS,
        start_label=0,
        convert2lab=False,
        channel_axis=-1,
    )
    sizes = np.bincount(superpixels.ravel())
    graph = _graph(superpixels, _means(superpixels, sizes, colours), spreading.sigma)
    believed = np.full((len(sizes), num_classes), LEAK / num_classes)
    if prior is not None:
        believed += spreading.prior_weight * _means(superpixels, sizes, np.moveaxis(prior, 0, -1))
    probs = _walk(graph, _seeds(superpixels, clicks, num_classes), believed)
    labels = np.where(probs.max(axis=1) >= spreading.confidence, probs.argmax(axis=1), IGNORE_INDEX)
    spread: LabelMap = labels.astype(np.uint8)[superpixels]
    clicked = clicks.rasterize()
    return np.where(clicked == IGNORE_INDEX, spread, clicked)


@dataclass(frozen=True)
class Propagated:
    """Pseudo-labels written so far.

    Attributes
    ----------
    images : int
    skipped : int
        Images without clicks, which get no pseudo-labels.
    labelled : float
        Share of the pixels with a class; the others are 255.
    """

    images: int
    skipped: int
    labelled: float


def propagate_project(
    project: Project,
    out: Path,
    *,
    split: str = "train",
    limit: int = 0,
    stretch: tuple[float, float] = (0.0, 100.0),
    spreading: Spreading | None = None,
    network: Callable[[ImageArray], npt.NDArray[np.floating]] | None = None,
) -> Iterator[Propagated]:
    """Write `out`/<image_id>.png for every image with clicks; yields the total after each.

    Parameters
    ----------
    stretch : tuple of float
        Percentiles of each image that become black and white, as in training.
    network : callable, optional
        From an image as `Project.read_image` returns it to (K, H, W) probabilities: the prior.

    Raises
    ------
    DatasetError
        Faults of images and clicks, all of them at once; no image with clicks.
    """
    image_ids = training_ids(project, split, limit)
    validate(project, image_ids, needs="clicks")
    images = skipped = labelled = total = 0
    for image_id in image_ids:
        clicks = project.read_clicks(image_id)
        if clicks is None or not clicks.inside().any():
            skipped += 1
        else:
            image = project.read_image(image_id)
            labels = propagate(
                to_float(image, channels=(), stretch=stretch),
                clicks,
                project.classes.num_classes,
                spreading,
                prior=network(image) if network else None,
            )
            write_label_png(out / f"{image_id}.png", labels, project.classes, durable=False)
            images += 1
            labelled += int(np.count_nonzero(labels != IGNORE_INDEX))
            total += labels.size
        yield Propagated(images, skipped, labelled / max(1, total))


def _colours(image: npt.NDArray[np.floating]) -> Float:
    """(H, W, 3) in Lab; unless there are 1 or 3 channels, the channels themselves on 0..100."""
    if image.shape[0] == 1:
        image = np.repeat(image, 3, axis=0)
    scaled = np.moveaxis(np.asarray(image, dtype=np.float64) / 255, 0, -1)
    lab: Float = rgb2lab(scaled) if image.shape[0] == 3 else 100 * scaled
    return lab


def _means(
    superpixels: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    values: npt.NDArray[np.floating],
) -> Float:
    """(S, C): mean of (H, W, C) values over each superpixel."""
    sums = [
        np.bincount(superpixels.ravel(), values[..., channel].ravel())
        for channel in range(values.shape[-1])
    ]
    return np.stack(sums, axis=1) / sizes[:, None]


def _graph(superpixels: npt.NDArray[np.int64], colours: Float, sigma: float) -> sparse.csr_array:
    """(S, S) symmetric weights between neighbouring superpixels."""
    pairs = np.concatenate(
        [
            np.stack([superpixels[:, :-1], superpixels[:, 1:]], axis=-1).reshape(-1, 2),
            np.stack([superpixels[:-1], superpixels[1:]], axis=-1).reshape(-1, 2),
        ]
    )
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    pairs, lengths = np.unique(pairs, axis=0, return_counts=True)
    if not len(pairs):  # one superpixel
        return sparse.csr_array((len(colours), len(colours)))
    distances = np.square(colours[pairs[:, 0]] - colours[pairs[:, 1]]).sum(axis=1)
    weights = lengths / lengths.mean() * np.exp(-distances / (2 * sigma**2))
    count = len(colours)
    half = sparse.coo_array((weights, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return sparse.csr_array(half + half.T)


def _seeds(superpixels: npt.NDArray[np.int64], clicks: ClickSet, num_classes: int) -> Float:
    """(S, K): share of each class in the clicks of each superpixel; 0 without clicks."""
    inside = clicks.inside()
    rows, cols = pixels(clicks.points[inside]).T
    counts = np.zeros((int(superpixels.max()) + 1, num_classes))
    np.add.at(counts, (superpixels[rows, cols], clicks.class_ids[inside]), 1)
    shares: Float = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    return shares


def _walk(graph: sparse.csr_array, seeds: Float, prior: Float) -> Float:
    """(S, K): the class in which a walker from each superpixel ends, by `prior` or in a seed."""
    seeded = seeds.any(axis=1)
    probs = seeds.copy()
    if seeded.all():
        return probs
    free = np.flatnonzero(~seeded)
    leaving = graph.sum(axis=1)[free] + prior[free].sum(axis=1)
    rows = graph[free]
    solve = factorized(sparse.csc_array(sparse.diags_array(leaving) - rows[:, free]))
    arriving = prior[free] + rows[:, np.flatnonzero(seeded)] @ seeds[seeded]
    probs[free] = np.stack([solve(column) for column in arriving.T], axis=1)
    return probs
