"""Objects one by one in label images larger than memory: patches are found block by block, then divided whole."""

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

from seminar.instances import MIN_AREA, InstanceMap, divide_patch, divide_piece
from seminar.labels import BACKGROUND, IGNORE_INDEX, LabelMap
from seminar.large_source import open_source
from seminar.ome_zarr_output import INSTANCES, create, finish, full_array, is_finished, output_of

BLOCK = 2048
"""Side in pixels of what is looked at together; patches whose box is no larger are divided whole."""

HALO = 256
"""Pixels around a block that are divided with it where a patch is larger than `BLOCK`."""

Box = tuple[slice, slice]


def divide_large(
    path: Path, *, labels: Path | None, out: Path | None, overwrite: bool = False, block: int = BLOCK
) -> bool:
    """Number the objects of an image that `predict_large` has labelled, in a second label image (uint32, numbers from 1 in each plane).

    The same objects as `seminar.instances.instances_from_shape` finds in memory, for every patch of touching objects whose box is at most
    `block` on a side. A larger patch is divided block by block, with `HALO` pixels around each; there objects may be cut at a seam.
    Memory grows with the number of patches (some 50 bytes each), not with that of pixels.

    Parameters
    ----------
    labels, out : Path or None
        OME-Zarr of the labels, and the one to write; None for those in an OME-Zarr image itself.

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
        _divide_plane(_Plane(read, plane, source.height, source.width, block), written)
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
    """The connected patches of a plane, a row each: the box, the pixels, and one pixel of the patch."""

    top: npt.NDArray[np.int64]
    left: npt.NDArray[np.int64]
    bottom: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    area: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    col: npt.NDArray[np.int64]


def _divide_plane(plane: _Plane, written: Any) -> None:
    patches = _find_patches(plane)
    is_small = (patches.bottom - patches.top <= plane.block) & (patches.right - patches.left <= plane.block)
    is_object = patches.area >= MIN_AREA
    starts = _by_block(patches, is_small & is_object, plane)
    pending: list[tuple[Box, InstanceMap]] = []
    peaks: dict[tuple[int, int], int] = {}
    count = 0
    for box in plane.blocks():
        chosen = starts.get((box[0].start, box[1].start), np.empty(0, np.int64))
        for place, parts in _divided(plane, patches, chosen):
            pending.append((place, np.where(parts > 0, parts + count, 0)))
            count += int(parts.max())
        instances = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), dtype=np.uint32)
        for place, parts in pending:
            _paste(instances, box, place, parts)
        if not is_small.all():
            count = _divide_rest(plane, box, instances, peaks, count)
        written[(*plane.index, *box)] = instances
        pending = [(place, parts) for place, parts in pending if not _ends_in(place, box)]


def _find_patches(plane: _Plane) -> _Patches:
    """Number the patches of each block by itself, then join those that touch across a seam."""
    found: list[npt.NDArray[np.int64]] = []
    seams: list[npt.NDArray[np.int64]] = []
    above = np.zeros((2, plane.width), dtype=np.int64)  # numbers and classes of the row over the block
    beside = np.zeros((2, 0), dtype=np.int64)
    count = 0
    for rows, cols in plane.blocks():
        labels = plane.read((rows, cols))
        numbers = _numbered(labels)
        table = _described(numbers)
        table[:, [0, 2, 5]] += rows.start
        table[:, [1, 3, 6]] += cols.start
        numbers[numbers > 0] += count
        pair = np.stack([numbers, labels.astype(np.int64)])
        if rows.start:
            seams.append(_touching(above[:, cols], pair[:, 0]))
        if cols.start:
            seams.append(_touching(beside, pair[:, :, 0]))
        above[:, cols], beside = pair[:, -1], pair[:, :, -1]
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


def _numbered(labels: LabelMap) -> npt.NDArray[np.int64]:
    """The connected patches of a window, numbered from 1."""
    numbers = np.zeros(labels.shape, dtype=np.int64)
    count = 0
    for class_id in np.unique(labels):
        if class_id not in (BACKGROUND, IGNORE_INDEX):
            patches, new = ndimage.label(labels == class_id)
            numbers[patches > 0] = patches[patches > 0] + count
            count += new
    return numbers


def _described(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of each patch top, left, bottom, right, its pixels, and the row and col of one of them, (n, 7)."""
    areas = np.bincount(numbers.ravel())[1:]
    table = np.zeros((len(areas), 7), dtype=np.int64)
    for index, (rows, cols) in enumerate(ndimage.find_objects(numbers)):
        col = cols.start + int(np.argmax(numbers[rows.start, cols] == index + 1))
        table[index] = rows.start, cols.start, rows.stop, cols.stop, areas[index], rows.start, col
    return table


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
    return {tuple(places[at].tolist()): group for at, group in zip([0, *cuts], groups, strict=True) if len(group)}


def _divided(plane: _Plane, patches: _Patches, chosen: npt.NDArray[np.int64]) -> Iterator[tuple[Box, InstanceMap]]:
    """Each of these patches, divided as in memory; together they lie in a window of at most two blocks a side."""
    if not len(chosen):
        return
    top, left = int(patches.top[chosen].min()), int(patches.left[chosen].min())
    window = (slice(top, int(patches.bottom[chosen].max())), slice(left, int(patches.right[chosen].max())))
    numbers = _numbered(plane.read(window))
    for patch in chosen:
        box = (
            slice(int(patches.top[patch]), int(patches.bottom[patch])),
            slice(int(patches.left[patch]), int(patches.right[patch])),
        )
        number = numbers[patches.row[patch] - top, patches.col[patch] - left]
        mask = numbers[box[0].start - top : box[0].stop - top, box[1].start - left : box[1].stop - left] == number
        yield box, divide_patch(mask)


def _paste(instances: npt.NDArray[np.uint32], box: Box, place: Box, parts: InstanceMap) -> None:
    """Write what lies in the block."""
    rows, cols = (slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(box, place, strict=True))
    if rows.start >= rows.stop or cols.start >= cols.stop:
        return
    inner = parts[
        rows.start - place[0].start : rows.stop - place[0].start,
        cols.start - place[1].start : cols.stop - place[1].start,
    ]
    target = instances[
        rows.start - box[0].start : rows.stop - box[0].start, cols.start - box[1].start : cols.stop - box[1].start
    ]
    target[inner > 0] = inner[inner > 0]


def _divide_rest(
    plane: _Plane, box: Box, instances: npt.NDArray[np.uint32], peaks: dict[tuple[int, int], int], count: int
) -> int:
    """Divide the part that patches larger than a block have in this one; an object is known by where its peak lies.

    Two blocks that see the same peak in their halos give it one number. Returns how many numbers are taken.
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
    cut = tuple((side.start > 0, side.stop < length) for side, length in ((rows, plane.height), (cols, plane.width)))
    boxes = ndimage.find_objects(numbers)
    is_free = instances == 0
    for piece in np.unique(numbers[inner][(instances == 0) & (numbers[inner] > 0)]):
        place = boxes[piece - 1]
        mask = numbers[place] == piece
        open_sides = tuple(
            (before and side.start == 0, after and side.stop == length)
            for (before, after), side, length in zip(cut, place, numbers.shape, strict=True)
        )
        if not any(map(any, open_sides)) and mask.sum() < MIN_AREA:
            continue  # too small for an object
        parts, found = divide_piece(mask, open_sides)
        top, left = rows.start + place[0].start, cols.start + place[1].start
        whole = np.zeros(numbers.shape, dtype=np.int32)
        whole[place] = parts
        is_here = is_free & (whole[inner] > 0)
        named = np.zeros(len(found) + 1, dtype=np.uint32)
        for part in np.unique(whole[inner][is_here]):
            row, col = found[part - 1].tolist()
            key = (row + top, col + left) if row >= 0 else (-1, -1)
            count += key not in peaks
            named[part] = peaks.setdefault(key, count)
        instances[is_here] = named[whole[inner][is_here]]
    return count


def _ends_in(place: Box, box: Box) -> bool:
    """Whether nothing of a patch lies in later blocks."""
    return all(part.stop <= side.stop for part, side in zip(place, box, strict=True))
