"""Objects in label images larger than memory: patches are found by block, then divided whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from seminar.inference.instances.divide import divide_mask, divide_piece
from seminar.inference.instances.rules import Rules
from seminar.io.large_images import open_source
from seminar.io.ome_zarr_writer import INSTANCES, create, finish, full_array, is_finished, output_of
from seminar.labels import BACKGROUND, IGNORE_INDEX, LabelMap
from seminar.runtime.allocator import hand_back_memory

BLOCK = 1024
"""Side of a block in pixels; patches whose box is at most twice as large are divided whole."""

HALO = 256
"""Pixels around a block that are divided with it, for patches larger than two blocks."""

Box = tuple[slice, slice]
Pixel = tuple[int, int]

NO_RIM = (-1, -1)
"""Stands for the peak of a piece of a patch that fills its window."""


def divide_large(
    path: Path,
    *,
    labels: Path | None,
    out: Path | None,
    rules: Rules | None = None,
    overwrite: bool = False,
    block: int = BLOCK,
) -> bool:
    """Number the objects of an image that `predict_large` has labelled.

    The numbers go to a second label image: uint32, from 1 in each plane.

    The same objects as `instances_from_shape` finds in memory, for every patch of touching objects
    whose box is at most twice `block` on a side. A larger patch is divided block by block, with
    `HALO` pixels around each; there objects may be cut at a seam.
    Memory grows with the number of patches (some 50 bytes each), not with that of pixels.

    Parameters
    ----------
    labels, out : Path or None
        OME-Zarr of the labels, and the one to write; None for those in an OME-Zarr image itself.
    rules : Rules, optional
        As of `instances_from_shape`.

    Returns
    -------
    bool
        False where they exist already and `overwrite` is off.
    """
    source = open_source(path.absolute())
    output = output_of(source, out.absolute() if out else None, name=INSTANCES, dtype="uint32")
    if is_finished(output) and not overwrite:
        return False
    create(output, block)
    read, written = (
        full_array(output_of(source, labels.absolute() if labels else None).target),
        full_array(output.target),
    )
    for plane in np.ndindex(*source.plane_shape):
        _divide_plane(_Plane(read, plane, source.height, source.width, block, rules), written)
    finish(output, block)
    return True


@dataclass(frozen=True)
class _Plane:
    """One plane of labels on disk."""

    array: Any
    index: tuple[int, ...]
    height: int
    width: int
    block: int
    rules: Rules | None

    def read(self, box: Box) -> LabelMap:
        labels: LabelMap = self.array[(*self.index, *box)]
        return labels

    def blocks(self) -> Iterator[Box]:
        """Row by row."""
        size = self.block
        for row, col in itertools.product(range(0, self.height, size), range(0, self.width, size)):
            yield slice(row, min(row + size, self.height)), slice(col, min(col + size, self.width))


@dataclass(frozen=True)
class _Patches:
    """The connected patches of a plane: for each its box, its area and one of its pixels."""

    top: npt.NDArray[np.int64]
    left: npt.NDArray[np.int64]
    bottom: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    area: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    col: npt.NDArray[np.int64]


def _divide_plane(plane: _Plane, written: Any) -> None:
    patches = _find_patches(plane)
    longest = np.maximum(patches.bottom - patches.top, patches.right - patches.left)
    is_small = longest <= 2 * plane.block
    starts = _by_block(patches, is_small, plane)
    peaks: dict[Pixel, int] = {}
    count = 0
    for box in plane.blocks():
        chosen = starts.get((box[0].start, box[1].start), np.empty(0, np.int64))
        window = _window(patches, chosen, box)
        instances = written[
            (*plane.index, *window)
        ]  # patches of the blocks before hang over into it
        count = _divide_small(plane, patches, chosen, window, instances, count)
        if not is_small.all():
            inner = instances[: box[0].stop - box[0].start, : box[1].stop - box[1].start]
            count = _divide_rest(plane, box, inner, peaks, count)
            peaks = {peak: number for peak, number in peaks.items() if _may_return(peak, box)}
        written[(*plane.index, *window)] = instances
        hand_back_memory()


def _find_patches(plane: _Plane) -> _Patches:
    """Number the patches of each block by itself, then join those that touch across a seam."""
    found: list[npt.NDArray[np.int64]] = []
    seams: list[npt.NDArray[np.int64]] = []
    above = np.zeros(
        (2, plane.width), dtype=np.int64
    )  # numbers and classes of the row over the block
    beside = np.zeros((2, 0), dtype=np.int64)
    count = 0
    for rows, cols in plane.blocks():
        labels = plane.read((rows, cols))
        numbers = _numbered(labels)
        table = _described(numbers)
        table[:, [0, 2, 5]] += rows.start
        table[:, [1, 3, 6]] += cols.start
        if rows.start:
            seams.append(_touching(above[:, cols], _line(numbers[0], labels[0], count)))
        if cols.start:
            seams.append(_touching(beside, _line(numbers[:, 0], labels[:, 0], count)))
        above[:, cols] = _line(numbers[-1], labels[-1], count)
        beside = _line(numbers[:, -1], labels[:, -1], count)
        found.append(table)
        count += len(table)
    table = np.concatenate(found)
    if not count:
        return _Patches(*table.T)
    first, second = np.concatenate([np.empty((2, 0), np.int64), *seams], axis=1)
    graph = coo_array((np.ones(len(first), np.int8), (first - 1, second - 1)), shape=(count, count))
    number, owner = connected_components(graph, directed=False)
    merged = np.zeros((number, 7), dtype=np.int64)
    merged[owner] = table  # of the pieces' pixels, any one will do
    np.minimum.at(merged[:, :2], owner, table[:, :2])
    np.maximum.at(merged[:, 2:4], owner, table[:, 2:4])
    merged[:, 4] = np.bincount(owner, weights=table[:, 4])
    return _Patches(*merged.T)


def _numbered(labels: LabelMap) -> npt.NDArray[np.int32]:
    """The connected patches of a window, numbered from 1."""
    numbers, count = np.zeros(labels.shape, dtype=np.int32), 0
    for class_id in np.unique(labels):
        if class_id not in (BACKGROUND, IGNORE_INDEX):
            patches, new = ndimage.label(labels == class_id)
            np.add(patches, count, out=numbers, where=patches > 0)
            count += new
    return numbers


def _described(numbers: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Of each patch top, left, bottom, right, its pixels, and the row and col of one of them,
    (n, 7).
    """
    boxes = ndimage.find_objects(numbers)
    table = np.zeros((len(boxes), 7), dtype=np.int64)
    for start in range(0, len(numbers), 64):  # all at once would need eight bytes a pixel
        table[:, 4] += np.bincount(numbers[start : start + 64].ravel(), minlength=len(boxes) + 1)[
            1:
        ]
    for index, (rows, cols) in enumerate(boxes):
        col = cols.start + int(np.argmax(numbers[rows.start, cols] == index + 1))
        table[index, [0, 1, 2, 3, 5, 6]] = (
            rows.start,
            cols.start,
            rows.stop,
            cols.stop,
            rows.start,
            col,
        )
    return table


def _line(numbers: npt.NDArray[np.int32], labels: LabelMap, count: int) -> npt.NDArray[np.int64]:
    """Numbers in the plane and classes along one side of a block, (2, n)."""
    return np.stack(
        [np.where(numbers > 0, numbers.astype(np.int64) + count, 0), labels.astype(np.int64)]
    )


def _touching(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Pairs of patches that lie side by side along a seam and are of one class, (2, n)."""
    is_one = (one[0] > 0) & (other[0] > 0) & (one[1] == other[1])
    pairs = np.stack([one[0, is_one], other[0, is_one]])
    is_new = np.ones(pairs.shape[1], dtype=np.bool_)
    is_new[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
    return pairs[:, is_new]


def _by_block(
    patches: _Patches, chosen: npt.NDArray[np.bool_], plane: _Plane
) -> dict[tuple[int, int], npt.NDArray[np.int64]]:
    """The patches whose box begins in each block."""
    numbers = np.flatnonzero(chosen)
    rows = patches.top[numbers] // plane.block * plane.block
    cols = patches.left[numbers] // plane.block * plane.block
    order = np.lexsort((cols, rows))
    numbers, places = numbers[order], np.stack([rows, cols], axis=1)[order]
    cuts = np.flatnonzero((places[1:] != places[:-1]).any(axis=1)) + 1
    groups = np.split(numbers, cuts)
    return {
        tuple(places[at].tolist()): group
        for at, group in zip([0, *cuts], groups, strict=True)
        if len(group)
    }


def _window(patches: _Patches, chosen: npt.NDArray[np.int64], box: Box) -> Box:
    """The block and what of these patches hangs over to the right of it and below, at most two
    blocks more a side.
    """
    bottom, right = (
        patches.bottom[chosen].max(initial=box[0].stop),
        patches.right[chosen].max(initial=box[1].stop),
    )
    return slice(box[0].start, int(bottom)), slice(box[1].start, int(right))


def _divide_small(
    plane: _Plane,
    patches: _Patches,
    chosen: npt.NDArray[np.int64],
    window: Box,
    instances: npt.NDArray[np.uint32],
    count: int,
) -> int:
    """Divide these patches of the window, as in memory. Returns how many numbers are taken."""
    if not len(chosen):
        return count
    labels = plane.read(window)
    rows, cols = patches.row[chosen] - window[0].start, patches.col[chosen] - window[1].start
    class_ids = labels[rows, cols]
    for class_id in np.unique(class_ids):
        pieces, number = ndimage.label(labels == class_id)
        is_chosen = np.zeros(number + 1, dtype=np.bool_)
        is_chosen[pieces[rows, cols][class_ids == class_id]] = True
        parts = divide_mask(is_chosen[pieces], plane.rules)
        np.add(parts, count, out=instances, where=parts > 0, casting="unsafe")
        count += int(parts.max())
    return count


def _divide_rest(
    plane: _Plane, box: Box, instances: npt.NDArray[np.uint32], peaks: dict[Pixel, int], count: int
) -> int:
    """Divide the part that patches larger than a block have in this one; an object is known by
    where its peak lies.

    Two blocks that see the same peak in their halos give it one number. Returns how many numbers
    are taken.
    """
    rows, cols = (
        slice(max(0, side.start - HALO), min(length, side.stop + HALO))
        for side, length in zip(box, (plane.height, plane.width), strict=True)
    )
    numbers = _numbered(plane.read((rows, cols)))
    inner = (
        slice(box[0].start - rows.start, box[0].stop - rows.start),
        slice(box[1].start - cols.start, box[1].stop - cols.start),
    )
    cut = tuple(
        (side.start > 0, side.stop < length)
        for side, length in ((rows, plane.height), (cols, plane.width))
    )
    boxes = ndimage.find_objects(numbers)
    for piece in np.unique(numbers[inner][(instances == 0) & (numbers[inner] > 0)]):
        place = boxes[piece - 1]
        mask = numbers[place] == piece
        open_sides = tuple(
            (before and side.start == 0, after and side.stop == length)
            for (before, after), side, length in zip(cut, place, numbers.shape, strict=True)
        )
        parts, found = divide_piece(mask, open_sides, plane.rules)
        top, left = rows.start + place[0].start, cols.start + place[1].start
        here = [
            slice(max(a.start, b.start), min(a.stop, b.stop))
            for a, b in zip(place, inner, strict=True)
        ]
        seen = parts[
            tuple(
                slice(a.start - b.start, a.stop - b.start) for a, b in zip(here, place, strict=True)
            )
        ]
        target = instances[
            tuple(
                slice(a.start - b.start, a.stop - b.start) for a, b in zip(here, inner, strict=True)
            )
        ]
        named = np.zeros(len(found) + 1, dtype=np.uint32)
        for part in np.unique(seen[seen > 0]):
            row, col = found[part - 1].tolist()
            key = (row + top, col + left) if row >= 0 else NO_RIM
            count += key not in peaks
            named[part] = peaks.setdefault(key, count)
        np.copyto(target, named[seen], where=seen > 0)
    return count


def _may_return(peak: Pixel, box: Box) -> bool:
    """Whether a peak may lie in the window of a later block too."""
    return peak == NO_RIM or peak[0] >= box[0].stop - HALO or peak[1] >= box[1].stop - HALO
