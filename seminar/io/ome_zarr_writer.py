"""OME-Zarr written block by block: labels inside the image's own OME-Zarr, and probabilities."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seminar.errors import SeminarError
from seminar.io.large_images import LargeSource
from seminar.io.ome_zarr import DAMAGE, lies_within, open_group, read_multiscale, zarr_module
from seminar.io.ome_zarr_layouts import groups_above
from seminar.labels import ClassNames

LABELS = "seminar"
"""Name of the label image in an OME-Zarr's labels."""

INSTANCES = "seminar_instances"
"""Name of the label image with one number per object."""

CHUNK = 1024
"""Longest side of a chunk in pixels; shorter for smaller blocks, as two processes must not write
to the same chunk.
"""

SMALLEST_LEVEL = 1024
"""Coarser copies are added until the longest side is no longer than this, in pixels."""

PLANE_AXES = "tczyx"
"""The order of axes that NGFF requires."""


@dataclass(frozen=True)
class Output:
    """An array of the size of an image, and where it is written.

    Attributes
    ----------
    target : Path
        Folder of the array and its coarser copies.
    name : str
        Shown by viewers.
    is_listed : bool
        Whether it is one of the labels in the image's own OME-Zarr.
    axes : tuple of mapping
        In the words of NGFF.
    scale : tuple of float
        Size of a pixel, one number per axis.
    """

    target: Path
    name: str
    is_listed: bool
    version: str
    axes: tuple[Mapping[str, Any], ...]
    shape: tuple[int, ...]
    scale: tuple[float, ...]
    dtype: str

    @property
    def zarr_format(self) -> int:
        return 2 if self.version < "0.5" else 3

    @property
    def axis_names(self) -> str:
        return "".join(str(axis["name"]).lower() for axis in self.axes)


def output_of(
    source: LargeSource,
    out: Path | None,
    *,
    name: str = LABELS,
    dtype: str = "uint8",
    channels: int = 0,
) -> Output:
    """Where labels of an image are written, or probabilities if there are `channels`.

    Parameters
    ----------
    out : Path or None
        The OME-Zarr to write; None writes labels into the image's own.

    Raises
    ------
    SeminarError
        A link is there, or something that this program has not written.
    """
    image = Path(source.path)
    if out is None and source.kind == "tif":
        raise SeminarError(f"{image}: --out is needed for its labels")
    target, inside = (out, out.parent) if out else (image / "labels" / name, image)
    if not lies_within(inside, target) or target.is_symlink():
        raise SeminarError(
            f"{target}: a link that leads elsewhere, so nothing is written there; remove it"
        )
    if target.exists() and _our_mark(target) is None:
        raise SeminarError(
            f"{target}: not written by this program, so it is not replaced; move it away"
        )
    lengths = dict(zip(source.axes, source.shape, strict=True)) | {"c": channels}
    described = {
        axis: {"name": axis, "type": "time" if axis == "t" else "space"} for axis in lengths
    }
    scales, version = dict.fromkeys(lengths, 1.0), "0.5"
    if source.kind == "zarr":
        found = read_multiscale(image)
        described = {str(axis["name"]).lower(): dict(axis) for axis in found.described_axes}
        scales, version = dict(zip(found.axes, found.scale, strict=True)), found.version
    described["c"], scales["c"] = {"name": "c", "type": "channel"}, 1.0
    axes = source.plane_axes + "yx"
    if channels:
        axes = "".join(axis for axis in PLANE_AXES if axis in axes + "c")
    return Output(
        target,
        name,
        out is None,
        version,
        tuple(described[axis] for axis in axes),
        tuple(lengths[axis] for axis in axes),
        tuple(scales[axis] for axis in axes),
        dtype,
    )


def create(output: Output, block: int) -> None:
    """Make an empty array, marked as ours, for blocks of this side in pixels.

    It is listed in the metadata only by `finish`.
    """
    zarr = zarr_module()
    remove(output)
    if output.is_listed:
        zarr.open_group(str(output.target.parent), mode="a", zarr_format=output.zarr_format)
    group = zarr.create_group(str(output.target), zarr_format=output.zarr_format)
    group.attrs["seminar"] = {"finished": False}
    _create_level(group, "0", output.shape, output, block)


def full_array(target: Path) -> Any:
    """The array at full resolution, for reading and writing."""
    return zarr_module().open_array(str(target / "0"), mode="r+")


def finish(output: Output, block: int, classes: ClassNames | None = None) -> None:
    """Add coarser levels and the metadata by which viewers find the image and its classes."""
    group = open_group(output.target, "r+")
    names = output.axis_names
    scales = [output.scale]
    while max(group[str(len(scales) - 1)].shape[-2:]) > SMALLEST_LEVEL:
        _add_coarser_level(group, len(scales) - 1, output, block)
        scales.append(
            tuple(
                value * 2 if axis in "yx" else value
                for axis, value in zip(names, scales[-1], strict=True)
            )
        )
    group.attrs.update(_metadata(output, classes, scales))
    if output.is_listed:
        _list_label(output)
    group.attrs["seminar"] = {"finished": True}


def can_write_into(image: Path) -> bool:
    """Whether labels can be made inside an image: not on a read-only disk, in an archive, ..."""
    try:
        with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=image):
            return True
    except OSError:
        return False


def refresh_consolidated(image: Path) -> None:
    """Write consolidated metadata again, of an image and the groups above it, that lack its labels.

    Programs that trust them, as zarr 3.1 and xarray do, would not find the labels.
    """
    labels = [path for path in (image / "labels").glob("*") if _our_mark(path) is not None]
    for group in groups_above(image) if labels else []:
        known = _consolidated(group)
        names = [path.relative_to(group).as_posix() for path in labels]
        if known is None or all(name in known for name in names):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that not all programs know it in zarr's format 3
            zarr_module().consolidate_metadata(str(group))


def _consolidated(group: Path) -> set[str] | None:
    """Paths of what a group's consolidated metadata list; None without such metadata."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        if (group / "zarr.json").is_file():
            return set(
                json.loads((group / "zarr.json").read_bytes())["consolidated_metadata"]["metadata"]
            )
        listed = json.loads((group / ".zmetadata").read_bytes())["metadata"]
        return {name.rpartition("/")[0] for name in listed}
    return None


def is_finished(output: Output) -> bool:
    """Whether it exists and is complete."""
    mark = _our_mark(output.target)
    return mark is not None and mark.get("finished") is True


def remove(output: Output) -> None:
    """Delete it if this program has written it."""
    if _our_mark(output.target) is not None:
        shutil.rmtree(output.target)


def _add_coarser_level(group: Any, level: int, output: Output, block: int) -> None:
    """Add every second row and column of a level as the next; labels cannot be averaged."""
    fine = group[str(level)]
    height, width = fine.shape[-2:]
    coarse = _create_level(
        group, str(level + 1), (*fine.shape[:-2], -(-height // 2), -(-width // 2)), output, block
    )
    step = 2 * coarse.chunks[-1]  # each chunk is written once
    for plane in itertools.product(*map(range, fine.shape[:-2])):
        for row, col in itertools.product(range(0, height, step), range(0, width, step)):
            part = fine[(*plane, slice(row, row + step), slice(col, col + step))][::2, ::2]
            top, left = row // 2, col // 2
            target = (slice(top, top + part.shape[0]), slice(left, left + part.shape[1]))
            coarse[(*plane, *target)] = part


def _create_level(group: Any, name: str, shape: tuple[int, ...], output: Output, block: int) -> Any:
    names, longest = output.axis_names, math.gcd(CHUNK, block)
    chunks = tuple(
        min(longest, side) if axis in "yx" else 1 for axis, side in zip(names, shape, strict=True)
    )
    layout: dict[str, Any] = {"dimension_names": list(names)}
    if output.zarr_format == 2:
        layout = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    return group.create_array(
        name, shape=shape, chunks=chunks, dtype=output.dtype, fill_value=0, **layout
    )


def _metadata(
    output: Output, classes: ClassNames | None, scales: Sequence[tuple[float, ...]]
) -> dict[str, Any]:
    multiscales: dict[str, Any] = {
        "name": output.name,
        "axes": [dict(axis) for axis in output.axes]
        if output.version >= "0.4"
        else [*output.axis_names],
        "datasets": [
            {
                "path": str(level),
                "coordinateTransformations": [{"type": "scale", "scale": list(scale)}],
            }
            for level, scale in enumerate(scales)
        ],
    }
    described: dict[str, Any] = {}
    if "c" not in output.axis_names:
        described["image-label"] = _image_label(output, classes)
    if output.zarr_format == 3:
        return {"ome": {"version": output.version, "multiscales": [multiscales]} | described}
    multiscales["version"] = output.version
    for part in described.values():
        part["version"] = output.version
    return {"multiscales": [multiscales]} | described


def _image_label(output: Output, classes: ClassNames | None) -> dict[str, Any]:
    label: dict[str, Any] = {"source": {"image": "../../"}} if output.is_listed else {}
    if classes is not None:
        label["colors"] = [
            {"label-value": class_id, "rgba": [*colour, 0 if class_id == 0 else 255]}
            for class_id, colour in enumerate(classes.colours)
        ]
        label["properties"] = [
            {"label-value": class_id, "class": name} for class_id, name in enumerate(classes.names)
        ]
    return label


def _list_label(output: Output) -> None:
    labels = open_group(output.target.parent, "r+")
    attributes = labels.attrs.asdict()
    name = output.target.name
    if output.zarr_format == 2:
        labels.attrs["labels"] = sorted({*attributes.get("labels", []), name})
    else:
        described = dict(attributes.get("ome", {}))
        labels.attrs["ome"] = described | {
            "version": output.version,
            "labels": sorted({*described.get("labels", []), name}),
        }


def _our_mark(target: Path) -> dict[str, Any] | None:
    try:
        mark = open_group(target).attrs.asdict().get("seminar")
    except DAMAGE:
        return None
    return mark if isinstance(mark, dict) else None
