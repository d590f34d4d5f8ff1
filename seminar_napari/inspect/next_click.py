"""Where to click next: the place where the networks disagree most and no click is near."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seminar.clicks.click_set import Points
from seminar.labels import IGNORE_INDEX
from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.inspect.frames import newest
from seminar_napari.inspect.overlay_kinds import (
    DISAGREEMENT,
    OVERLAYS,
    TRUTH,
    prediction_path,
    read_preview,
)

DISAGREE = 64
"""Pixels of at least this disagreement, on 0..255, are looked at: a quarter of the probability lies
on other classes.
"""

SPOTS = 8
"""Places remembered of each image."""

COARSE = 512
"""Larger images are divided into blocks, this many along the longer side."""


@dataclass(frozen=True)
class Spot:
    """A place in one image.

    Attributes
    ----------
    row, col : int
        The pixel to click, well inside the region.
    area : int
        Pixels of the region on which the networks disagree.
    score : float
        Area weighted by depth, so that a blob scores higher than a rim of the same size.
    """

    row: int
    col: int
    area: int
    score: float


@dataclass(frozen=True)
class NextClick:
    """The place to click next."""

    image_id: str
    spot: Spot


def spots(
    disagreement: npt.NDArray[np.uint8], clicks: Points, radius: float | None = None
) -> tuple[Spot, ...]:
    """The regions of most disagreement in one image, worst first, at most `SPOTS`.

    Parameters
    ----------
    disagreement : ndarray, (H, W) uint8
        0 where the networks agree, 255 where they are sure of different classes.
    clicks : ndarray, (n, 2) float64
        (row, col) of clicks; pixels nearer to one than `radius` are left out.
    radius : float, optional
        In pixels; `near_radius` of the image by default.
    """
    height, width = disagreement.shape
    side = -(-max(height, width) // COARSE)
    counts = _block_sums(disagreement >= DISAGREE, side)
    region = 2 * counts >= side * side
    if len(clicks) and region.any():
        region = _without_clicked(
            region, clicks, side, near_radius((height, width)) if radius is None else radius
        )
    if not region.any():
        return ()
    numbers, count = ndimage.label(region)
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1] * side
    areas = np.bincount(numbers.ravel(), weights=counts.ravel(), minlength=count + 1)
    scores = np.bincount(numbers.ravel(), weights=(counts * depth).ravel(), minlength=count + 1)
    scores[0] = -1.0
    worst = np.argsort(-scores, kind="stable")[: min(SPOTS, count)]
    deepest = ndimage.maximum_position(depth, numbers, worst)
    found = []
    for number, (block_row, block_col) in zip(worst, deepest, strict=True):
        row, col = _strongest(disagreement, int(block_row) * side, int(block_col) * side, side)
        found.append(Spot(row, col, int(areas[number]), float(scores[number])))
    return tuple(found)


def near_radius(size: tuple[int, int]) -> float:
    """Within this many pixels of a click no other is needed, in an image of (height, width)."""
    return float(np.clip(0.02 * min(size), 6, 32))


@dataclass
class NextClickFinder:
    """Searches the previews, or else the predictions, of a run; remembers what files have shown."""

    project: Project
    run: RunFolder
    _found: dict[str, tuple[tuple[int, int], tuple[Spot, ...]]] = field(default_factory=dict)
    _shown: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def find(self, held_out: Collection[str] = ()) -> NextClick | None:
        """The worst place that was not shown yet; None where the networks agree.

        When all places were shown, it starts again. Images that are held out of training are
        skipped: a click there teaches nothing.
        """
        self._look(held_out)
        if not (best := self._best()) and self._shown:
            self._shown.clear()
            best = self._best()
        if best is not None:
            self._shown.setdefault(best.image_id, []).append((best.spot.row, best.spot.col))
        return best

    def _best(self) -> NextClick | None:
        candidates = (NextClick(image_id, spot) for image_id, spot in self._open_spots())
        return max(candidates, key=lambda candidate: candidate.spot.score, default=None)

    def _open_spots(self) -> Iterator[tuple[str, Spot]]:
        for image_id, (_, found) in self._found.items():
            shown = self._shown.get(image_id, ())
            radius = near_radius(self.project.image_size(image_id)) if shown else 0.0
            for spot in found:
                if all(np.hypot(spot.row - row, spot.col - col) > radius for row, col in shown):
                    yield image_id, spot
                    break

    def _look(self, held_out: Collection[str]) -> None:
        """Bring the spots up to date with the files."""
        images = set(self.project.image_ids()).difference(held_out)
        clicked = self.project.clicks_stamps()
        stamps = {
            image_id: stamp for image_id, stamp in self._stamps().items() if image_id in images
        }
        for image_id in self._found.keys() - stamps.keys():
            del self._found[image_id]
        for image_id, stamp in stamps.items():
            key = (stamp, clicked.get(image_id, 0))
            if image_id in self._found and self._found[image_id][0] == key:
                continue
            found: tuple[Spot, ...] = ()
            disagreement = self._disagreement(image_id)
            if disagreement is not None:
                clicks = self.project.read_clicks(image_id) if image_id in clicked else None
                found = spots(disagreement, np.zeros((0, 2)) if clicks is None else clicks.points)
            self._found[image_id] = (key, found)

    def _stamps(self) -> dict[str, int]:
        """Time of the newest change of each image's files, in ns.

        A preview's folder changes whenever a file in it is replaced.
        """
        predicted = _mtimes(prediction_path(self.run, "x").parent, ".png")
        labelled = _mtimes(self.run.pseudo_labels_path, ".png")
        stamps = _mtimes(self.run.previews_path, "")
        for image_id in predicted.keys() & labelled.keys():
            stamps[image_id] = max(predicted[image_id], labelled[image_id], stamps.get(image_id, 0))
        return stamps

    def _disagreement(self, image_id: str) -> npt.NDArray[np.uint8] | None:
        """As the trainer wrote it, else where two label maps differ; None with fewer than two.

        Masks that were predicted since, compared with the pseudo-labels, show more than an early
        preview.
        """
        written = OVERLAYS[DISAGREEMENT].files(self.project, self.run, image_id)
        predicted = prediction_path(self.run, image_id)
        labelled = self.run.pseudo_label_path(image_id)
        if newest(*written, predicted)[0] == str(predicted) and labelled.exists():
            paths = [predicted, labelled]
        elif (values := read_preview(written[0])) is not None:
            return values
        else:  # all previews first
            files = [
                overlay.files(self.project, self.run, image_id)
                for overlay in OVERLAYS.values()
                if overlay.name != TRUTH and overlay.drawing != "heat"
            ]
            paths = [path for path in chain(*zip_longest(*files)) if path is not None]
        maps = [labels for path in paths if (labels := read_preview(path)) is not None]
        maps = [labels for labels in maps if labels.shape == maps[0].shape]
        if len(maps) < 2:
            return None
        differ = (maps[0] != maps[1]) & (maps[0] != IGNORE_INDEX) & (maps[1] != IGNORE_INDEX)
        return np.where(differ, np.uint8(255), np.uint8(0))


def _mtimes(folder: Path, ending: str) -> dict[str, int]:
    """mtime of each entry of a folder, in ns, by its name without `ending`."""
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name.removesuffix(ending): entry.stat().st_mtime_ns
                for entry in entries
                if entry.name.endswith(ending)
            }
    except FileNotFoundError:
        return {}


def _block_sums(mask: npt.NDArray[np.bool_], side: int) -> npt.NDArray[np.int64]:
    """Number of set pixels in each side x side block; the last blocks may be cut."""
    sums = np.add.reduceat(mask.astype(np.int64), np.arange(0, mask.shape[0], side), axis=0)
    return np.add.reduceat(sums, np.arange(0, mask.shape[1], side), axis=1)


def _without_clicked(
    region: npt.NDArray[np.bool_], clicks: Points, side: int, radius: float
) -> npt.NDArray[np.bool_]:
    """The region without the surroundings of each click.

    They are all within `radius` pixels and, where the click lies deep in a patch, all around it out
    to the patch's rim.
    """
    places = np.floor((clicks + 0.5) / side).astype(np.int64)
    rows, cols = np.clip(places, 0, np.array(region.shape) - 1).T
    free = np.ones(region.shape, dtype=np.bool_)
    free[rows, cols] = False
    left: npt.NDArray[np.bool_] = region & (ndimage.distance_transform_edt(free) * side > radius)
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    for row, col in zip(rows[region[rows, cols]], cols[region[rows, cols]], strict=True):
        reach = 1.5 * depth[row, col]  # to the corners of a square
        top, first = max(0, int(row - reach)), max(0, int(col - reach))
        window = left[top : int(row + reach) + 2, first : int(col + reach) + 2]
        down, right = np.ogrid[top : top + window.shape[0], first : first + window.shape[1]]
        window[np.hypot(down - row, right - col) <= reach] = False
    return left


def _strongest(
    disagreement: npt.NDArray[np.uint8], row: int, col: int, side: int
) -> tuple[int, int]:
    """The pixel of most disagreement in one block."""
    block = disagreement[row : row + side, col : col + side]
    down, right = np.unravel_index(int(block.argmax()), block.shape)
    return row + int(down), col + int(right)
