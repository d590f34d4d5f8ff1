"""Self-training: a probe learns anew from masks of the clicked images that fit their clicks."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax

from seminar.data.transforms import strong_view
from seminar.errors import SeminarError
from seminar.labels import BACKGROUND
from seminar.models.mean_field import sharpened, usual_reach
from seminar.models.presence import Presence
from seminar.probe.features import features_at, logits_of, patches_of
from seminar.probe.fit import Fit, alike, fit_like
from seminar.probe.mix import fit_mixed
from seminar.probe.presence import fit_presence
from seminar.probe.probe import Probe
from seminar.probe.samples import Lesson

MOST_IMAGES, PIXELS = 400, 40_000
"""Of more clicked images some are learnt from, evenly chosen; pixels of all of them together."""

ENOUGH_IMAGES, ROOM = 20, 4_000_000
"""Where fewer are clicked, images without clicks are learnt from as well, evenly chosen: so many
in all, and so many pixels of theirs, which take about 20 s.
"""

FOLDS, DOUBT = 5, 0.3
"""A click is left out where a fit to the other four fifths gives its class a lower probability (of
K classes, 2 / K of it): people miss with one click in twenty or thirty.
"""

OWN = 0.1
"""What its own clicks count in the fit of an image, where all clicks together count 1: they say how
things look there.
"""


Presences = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None
"""Weight and bias of a `seminar.models.presence.Presence`; None leaves all classes present."""


@dataclass(frozen=True)
class Weighing:
    """How the pixels count in the second fit.

    Attributes
    ----------
    ridge : float
    clicks : float
        What all clicks together count, where all pixels together count 1.
    balance : float
        A pixel counts by the number of those of its class to the power of minus this.
    """

    ridge: float
    clicks: float
    balance: float


TWO_CLASSES = Weighing(ridge=0.003, clicks=0.0, balance=1.0)
MORE_CLASSES = Weighing(ridge=0.03, clicks=0.5, balance=0.5)
"""Clicks lie in the middles of objects, so of two classes they make objects too thin; of more, they
keep the scarce ones.
"""


def self_train(
    probe: Probe, others: Sequence[str] = ()
) -> Generator[tuple[int, int], None, Presences]:
    """Fit a probe that has been fitted to its clicks anew, to pixels of the clicked images.

    Yields how many images are done, and of how many, half a second each. Closed before its end, it
    leaves the probe as it was. Returns what tells which classes an image shows, where there are
    more than two and that can be told (`seminar.probe.presence`).

    The class of a pixel comes from a mask of its image that knows more than the probe does: it has
    a fit of its own, between the background and the classes that are clicked in this image alone;
    the image's own clicks count more in it; it follows the edges of the image
    (`seminar.models.mean_field`); and clicks that the others contradict are left out. So the second
    fit learns what is *not* in an image, and where things end. Half of the pixels are seen in
    another light (`seminar.data.transforms.strong_view`), in which their class is the same. It is
    self-training (pseudo-labels, Lee 2013) under the constraint of the classes of each image
    (Papandreou et al. 2015), and needs a click on each class that an image shows. What it gives is
    in benchmarks/training.md.

    Few clicked images say little of what the others look like. So a third fit learns from some of
    those, too, whose masks are the second one's, along their edges.

    Parameters
    ----------
    others : sequence of str
        Images without clicks. One that cannot be read is passed over.

    Raises
    ------
    SeminarError
        A clicked image cannot be read.
    """
    given, order = _trusted(probe.lesson(), probe.network.num_filters), sorted(probe.samples)
    first, _ = fit_mixed(given, num_filters=probe.network.num_filters)
    numbers = range(0, len(order), -(-len(order) // MOST_IMAGES))
    others = _some(probe, others, ENOUGH_IMAGES - len(numbers))
    total = len(numbers) + len(others)
    learner = _Learner(probe, given, first, PIXELS // total)
    is_learnt = False
    try:
        for done, number in enumerate(numbers):
            yield done, total
            learner.look_at_clicked(order[number], number)
        if others and learner.fit():
            for done, image_id in enumerate(others, len(numbers)):
                yield done, total
                with contextlib.suppress(SeminarError):
                    learner.look_at(image_id)
        yield total, total
        is_learnt = learner.fit()
    finally:
        if not is_learnt:
            probe.fit()  # in place of the fit of a single image
    return learner.presences()


def _some(probe: Probe, image_ids: Sequence[str], most: int) -> tuple[str, ...]:
    """At most so many of the images, evenly chosen, with `ROOM` pixels in all."""
    if most <= 0 or not image_ids:
        return ()
    found, room = [], ROOM
    for image_id in image_ids[:: -(-len(image_ids) // most)]:
        height, width = probe.project.image_size(image_id)
        room -= height * width
        if room >= 0:
            found.append(image_id)
    return tuple(found)


def _trusted(given: Lesson, num_filters: int) -> Lesson:
    """The clicks without those that the others contradict, of each class half at least.

    Each `FOLDS`-th part of the clicks is judged by a fit to the others.
    """
    class_ids, num_clicks = given.class_ids, len(given.class_ids)
    folds = np.random.default_rng(0).permutation(num_clicks) % FOLDS
    is_trusted = np.ones(num_clicks, dtype=bool)
    for fold in range(FOLDS):
        rest, asked = _part(given, folds != fold), np.flatnonzero(folds == fold)
        if np.count_nonzero(rest.counts) < 2:
            continue
        found, _ = fit_mixed(rest, num_filters=num_filters)
        probs = softmax(given.features[asked] @ found.weights.T + found.bias, axis=1)
        own = probs[np.arange(len(asked)), class_ids[asked]]
        is_known = rest.counts[class_ids[asked]] > 0
        is_trusted[asked] = ~is_known | (own >= 2 * DOUBT / np.count_nonzero(given.counts))
    for class_id in np.unique(class_ids):
        of_class = class_ids == class_id
        is_trusted[of_class] |= is_trusted[of_class].mean() < 0.5
    return _part(given, is_trusted)


def _part(given: Lesson, kept: npt.NDArray[np.bool_]) -> Lesson:
    """Some of the clicks."""
    class_ids = given.class_ids[kept]
    counts = np.bincount(class_ids, minlength=len(given.counts))
    return Lesson(given.features[kept], class_ids, given.images[kept], counts, given.variances)


def _of_image(given: Lesson, number: int) -> tuple[Lesson, npt.NDArray[np.float64]]:
    """The clicks of the classes that one image shows, and their shares in its own fit."""
    is_own = given.images == number
    classes = np.union1d(given.class_ids[is_own], BACKGROUND)
    if np.count_nonzero(given.counts[classes]) < 2:
        classes = np.flatnonzero(given.counts)
    kept = np.isin(given.class_ids, classes)
    shares = alike(given.class_ids[kept])
    own = shares * is_own[kept]
    if own.any():
        shares = shares + OWN / own.sum() * own
    counts = np.where(np.isin(np.arange(len(given.counts)), classes), given.counts, 0)
    lesson = Lesson(
        given.features[kept],
        given.class_ids[kept],
        given.images[kept],
        counts,
        given.variances,
    )
    return lesson, shares / shares.sum()


class _Learner:
    """Collects pixels of images with the classes of their masks, and fits the probe to them.

    Parameters
    ----------
    given : Lesson
        The clicks.
    first : Fit
        To all of them.
    count : int
        Pixels of an image.
    """

    def __init__(self, probe: Probe, given: Lesson, first: Fit, count: int) -> None:
        self._probe, self._given, self._first, self._count = probe, given, first, count
        self._weighing = TWO_CLASSES if len(first.coordinates.present) == 2 else MORE_CLASSES
        self._parts = list[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]()
        self._clicks = 0
        if self._weighing.clicks:
            self._parts.append((given.features, given.class_ids))
            self._clicks = len(given.class_ids)
        self._summaries = list[npt.NDArray[np.float32]]()
        self._shown = list[npt.NDArray[np.bool_]]()

    def look_at_clicked(self, image_id: str, number: int) -> None:
        """Take pixels of a clicked image, whose mask has a fit of its own."""
        probe, given = self._probe, self._given
        lesson, shares = _of_image(given, number)
        num_filters, num_classes = probe.network.num_filters, len(lesson.counts)
        found, advantages = fit_mixed(lesson, num_filters=num_filters, shares=shares)
        probe.use(found, advantages if num_classes == 2 else 0.0)
        self._summaries.append(self._take(image_id, np.flatnonzero(lesson.counts)))
        own = given.class_ids[given.images == number]
        self._shown.append(np.isin(np.arange(num_classes), [*own, BACKGROUND]))

    def look_at(self, image_id: str) -> None:
        """Take pixels of an image without clicks, whose mask is the probe's as it is now."""
        self._take(image_id, self._first.coordinates.present)

    def _take(self, image_id: str, present: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Take pixels of an image; its summary, (2 F,)."""
        features, class_ids, summary = _pixels(self._probe, image_id, present, self._count)
        self._parts.append((features, class_ids))
        return summary

    def fit(self) -> bool:
        """Fit the probe to the pixels so far; False where masks lack a class."""
        features, class_ids = map(np.concatenate, zip(*self._parts, strict=True))
        self._parts = [(features, class_ids)]  # the others are a hundred megabytes
        if len(np.unique(class_ids)) < len(self._first.coordinates.present):
            return False
        clicked, drawn = np.split(class_ids, [self._clicks])
        shares = np.bincount(drawn)[drawn] ** -self._weighing.balance
        shares = np.append(self._weighing.clicks * alike(clicked), shares / shares.sum())
        shares /= shares.sum()
        ridge = self._weighing.ridge
        self._probe.use(fit_like(self._first, features, class_ids, shares=shares, strength=ridge))
        return True

    def presences(self) -> Presences:
        """What tells which classes an image shows; None of two classes, or where it cannot be."""
        if self._weighing is TWO_CLASSES:
            return None
        return fit_presence(np.stack(self._summaries), np.stack(self._shown))


def _pixels(
    probe: Probe, image_id: str, present: npt.NDArray[np.int64], count: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Features and classes, among those present, of about so many pixels of an image, drawn evenly;
    every second one in another light, the class is the same. And the summary of the image in both
    lights, (2 F,).
    """
    network, num_classes = probe.network, probe.project.classes.num_classes
    patches, image = probe.patches(image_id), torch.from_numpy(probe.image(image_id))
    draw = np.random.default_rng(zlib.crc32(image_id.encode()))
    total = image.shape[-2] * image.shape[-1]
    whole = Presence(network.strides, network.widths, num_classes=num_classes)
    features, class_ids, summaries = [], [], []
    for patch in patches:
        others = logits_of(network, patch, present)
        log_probs = torch.cat([torch.zeros_like(others[:1]), others]).log_softmax(dim=0)
        part = image[(slice(None), *patch.core)]
        passed_on = sharpened(log_probs[None], part[None], usual_reach(num_classes))[0]
        masks = passed_on.max(dim=0).indices
        size = masks.numel()
        drawn = draw.choice(size, min(size, -(-count * size // total)), replace=False)
        rows, cols = np.unravel_index(np.sort(drawn), masks.shape)
        class_ids.append(present[masks.numpy()[rows, cols]])
        places = np.stack([rows, cols], axis=1)
        corner = patch.core[0].start, patch.core[1].start
        features.append(np.empty((len(places), sum(network.widths)), dtype=np.float32))
        features[-1][::2] = features_at(network, [patch], places[::2] + corner)
        seen = list(patches_of(network, strong_view(part, draw, colours=True).numpy()))
        features[-1][1::2] = features_at(network, seen, places[1::2])
        summaries += [whole.summary(each.maps).numpy() for each in (patch, seen[0])]
    of_image = np.concatenate([np.mean(summaries[light::2], axis=0) for light in (0, 1)])
    return np.concatenate(features), np.concatenate(class_ids), of_image
