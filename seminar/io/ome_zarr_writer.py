"""OME-Zarr written block by block: label images beside the image they describe, and
probabilities.
"""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seminar.errors import SeminarError
from seminar.io.ome_zarr import DAMAGE, lies_within, read_multiscale, zarr_module
from seminar.labels import ClassNames

if TYPE_CHECKING:
    from seminar.io.large_images import LargeSource

LABELS = "seminar"
"""Name of the label image in an OME-Zarr's labels."""

INSTANCES = "seminar_instances"
"""Name of the label image with one number an object."""

CHUNK = 1024
"""Longest side of a chunk in pixels; shorter where blocks are, so that two processes never write
to one chunk.
"""

SMALLEST_LEVEL = 1024
"""Coarser copies are added until they are no larger than this."""

PLANE_AXES = "tczyx"
"""The order that NGFF asks for."""


@dataclass(frozen=True)
class Output:
    """An array as high and wide as an image, and where it goes.

    Attributes
    ----------
    target : Path
        Folder of the array and its coarser copies.
    name : str
        As viewers show it.
    is_listed : bool
        It lies in the labels of the image's own OME-Zarr.
    axes : tuple of mapping
        As NGFF describes them.
    scale : tuple of float
        Size of a pixel, one number an axis.
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
    """Where labels (or, with `channels`, probabilities) of an image go.

    Parameters
    ----------
    out : Path or None
        The OME-Zarr to write; None puts labels into the image's own.

    Raises
    ------
    SeminarError
        A link in that place; something that this program did not write.
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
    """An empty array with our mark, to be written in blocks of this side; it is listed in the
    metadata only when it is finished.
    """
    zarr = zarr_module()
    remove(output)
    if output.is_listed:
        zarr.open_group(str(output.target.parent), mode="a", zarr_format=output.zarr_format)
    group = zarr.create_group(str(output.target), zarr_format=output.zarr_format)
    group.attrs["seminar"] = {"finished": False}
    _create_level(group, "0", output.shape, output, block)


def full_array(target: Path) -> Any:
    """The array at full resolution, to be read and written."""
    return zarr_module().open_array(str(target / "0"), mode="r+")


def finish(output: Output, block: int, classes: ClassNames | None = None) -> None:
    """Add coarser levels and the metadata by which viewers find the image; `classes` are those
    of its values.
    """
    zarr = zarr_module()
    group = zarr.open_group(str(output.target), mode="r+")
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


def is_finished(output: Output) -> bool:
    """Whether it lies there, whole."""
    mark = _our_mark(output.target)
    return mark is not None and mark.get("finished") is True


def remove(output: Output) -> None:
    """Delete what this program wrote there."""
    if _our_mark(output.target) is not None:
        shutil.rmtree(output.target)


def _add_coarser_level(group: Any, level: int, output: Output, block: int) -> None:
    """Every second row and column of the level before; labels cannot be averaged."""
    fine = group[str(level)]
    height, width = fine.shape[-2:]
    coarse = _create_level(
        group, str(level + 1), (*fine.shape[:-2], -(-height // 2), -(-width // 2)), output, block
    )
    step = 2 * coarse.chunks[-1]  # so that each chunk is written once
    for plane in itertools.product(*map(range, fine.shape[:-2])):
        for row, col in itertools.product(range(0, height, step), range(0, width, step)):
            part = fine[(*plane, slice(row, row + step), slice(col, col + step))][::2, ::2]
            coarse[
                (
                    *plane,
                    slice(row // 2, row // 2 + part.shape[0]),
                    slice(col // 2, col // 2 + part.shape[1]),
                )
            ] = part


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
        "axes": [dict(axis) for axis in output.axes],
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
    labels = zarr_module().open_group(str(output.target.parent), mode="r+")
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
        mark = zarr_module().open_group(str(target), mode="r").attrs.asdict().get("seminar")
    except DAMAGE:
        return None
    return mark if isinstance(mark, dict) else None
