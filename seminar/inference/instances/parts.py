"""The parts of patches, which of them touch, and which are one object by what was learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seminar.inference.instances.basins import Ground, Numbers, join_basins
from seminar.inference.instances.rules import FEATURES, Joining

DIGITS = 6
"""Log-odds are compared to so many digits: what is the same but for rounding is the same, wherever
in the image it is.
"""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of patches of a mask, at first its basins.

    Attributes
    ----------
    moments : ndarray, (n, 6)
        Of each part the number of pixels and the sums of row, col, row^2, row * col, col^2.
    peaks : ndarray, (n,)
        Greatest depth.
    pairs : ndarray, (m, 2)
        Parts that touch, the lower number first, in the order of their numbers.
    passes, borders : ndarray, (m,)
        Greatest depth between the two, and how many pixels of one touch the other.
    """

    moments: Floats
    peaks: Floats
    pairs: Numbers
    passes: Floats
    borders: Numbers

    def features(self) -> Floats:
        """(m, 7) of each pair.

        The depth between the two over that of the shallower and of the deeper one; the logarithm of
        the smaller area and of both together; how elliptic both are together, and how much more
        than each by itself (the area over that of the ellipse with the same second moments: 1 for
        an ellipse, less for two that touch); the length of the border over the root of the smaller
        area.
        """
        one, other = self.pairs.T
        first, second = self.moments[one], self.moments[other]
        peaks, smaller = self.peaks[self.pairs], np.minimum(first[:, 0], second[:, 0])
        both = first + second
        together, apart = _ellipticity(both), _ellipticity(self.moments) * self.moments[:, 0]
        return np.stack(
            [
                self.passes / peaks.min(axis=1),
                self.passes / peaks.max(axis=1),
                np.log(smaller),
                np.log(both[:, 0]),
                together,
                together - (apart[one] + apart[other]) / both[:, 0],
                self.borders / np.sqrt(smaller),
            ],
            axis=1,
        )

    def merged(self, groups: Numbers) -> Parts:
        """The parts with one number from 0 in `groups`, (n,), as one each."""
        count = int(groups.max(initial=-1)) + 1
        moments, peaks = np.zeros((count, self.moments.shape[1])), np.zeros(count)
        np.add.at(moments, groups, self.moments)
        np.maximum.at(peaks, groups, self.peaks)
        pairs = np.sort(groups[self.pairs], axis=1)
        is_outer = pairs[:, 0] != pairs[:, 1]
        pairs, index = np.unique(pairs[is_outer], axis=0, return_inverse=True)
        passes = np.zeros(len(pairs))
        np.maximum.at(passes, index.ravel(), self.passes[is_outer])
        borders = np.zeros(len(pairs), dtype=np.int64)
        np.add.at(borders, index.ravel(), self.borders[is_outer])
        return Parts(moments, peaks, pairs.astype(np.int64), passes, borders)

    def best_groups(self, odds: Floats) -> Numbers | None:
        """Group pairs with odds above 0, (m,), that are the best ones of both their parts.

        Returns a number from 0 for each part, (n,); None where there is no such pair.
        """
        odds = np.round(odds, DIGITS)
        rank = np.empty(len(odds), dtype=np.int64)
        rank[np.argsort(-odds, kind="stable")] = np.arange(len(odds))
        best = np.full(len(self.peaks), len(odds))
        for side in self.pairs.T:
            np.minimum.at(best, side, rank)
        is_best = (odds > 0) & (best[self.pairs] == rank[:, np.newaxis]).all(axis=1)
        if not is_best.any():
            return None
        groups = np.arange(len(self.peaks))
        groups[self.pairs[is_best, 1]] = self.pairs[is_best, 0]
        numbers: Numbers = np.unique(groups, return_inverse=True)[1]
        return numbers

    def objects(self, joining: Joining, min_area: float) -> Numbers:
        """For each part the one that stands for its object: pairs are joined that were learnt to be
        one, then what is smaller than `min_area` joins the deepest that it touches.
        """
        parts, numbers = self, np.arange(len(self.peaks))
        while (groups := parts.best_groups(joining.log_odds(parts.features()))) is not None:
            parts, numbers = parts.merged(groups), groups[numbers]
        order = np.argsort(-parts.passes, kind="stable")
        owners = join_basins(
            parts.pairs[order],
            parts.passes[order].astype(np.float32),
            peaks=parts.peaks.astype(np.float32),
            areas=parts.moments[:, 0].astype(np.int64),
            is_clicked=np.zeros(len(parts.peaks), dtype=np.bool_),
            waist=math.inf,
            min_area=min_area,
        )
        return np.unique(numbers, return_index=True)[1][owners[numbers]]

    def examples(self, objects: Numbers) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Pairs of which is known whether they are one object: all that are met on the way from
        these parts to the objects.

        Parameters
        ----------
        objects : ndarray, (n,)
            The object of each part, from 1; 0 where it is not known.

        Returns
        -------
        features : ndarray, (k, `FEATURES`)
        is_one : ndarray, (k,) bool
        """
        parts, found, is_one = self, [np.empty((0, FEATURES))], [np.empty(0, dtype=np.bool_)]
        is_grown = np.ones(len(self.peaks), dtype=np.bool_)
        while True:
            features, (one, other) = parts.features(), objects[parts.pairs].T
            is_new = is_grown[parts.pairs].any(axis=1)
            is_known, is_same = (one > 0) & (other > 0), one == other
            found.append(features[is_known & is_new])
            is_one.append(is_same[is_known & is_new])
            groups = parts.best_groups(np.where(is_known & is_same, features[:, 0], -1))
            if groups is None:
                return np.concatenate(found), np.concatenate(is_one)
            first = np.unique(groups, return_index=True)[1]
            parts, objects = parts.merged(groups), objects[first]
            is_grown = np.bincount(groups) > 1


def basin_moments(ground: Ground, basins: Numbers) -> Floats:
    """The moments, (basins, 6), of the basins of a ground, (pixels,)."""
    rows, cols = np.divmod(ground.places, ground.width)
    sums = (None, rows, cols, rows**2, rows * cols, cols**2)
    return np.stack([np.bincount(basins, each) for each in sums], axis=1, dtype=np.float64)


def _ellipticity(moments: Floats) -> Floats:
    """Area over that of the ellipse with the same second moments, (n,)."""
    count, row, col, rows, mixed, cols = moments.T
    # a pixel is a square, which has moments of its own
    down = rows / count - (row / count) ** 2 + 1 / 12
    right = cols / count - (col / count) ** 2 + 1 / 12
    across = mixed / count - row * col / count**2
    ellipse = 4 * np.pi * np.sqrt(np.maximum(down * right - across**2, 1e-6))
    return np.asarray(count / ellipse)
