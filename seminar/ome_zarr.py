"""OME-Zarr (NGFF 0.4 and 0.5): where the image lies, and label images written beside it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from seminar.errors import SeminarError
from seminar.labels import ClassNames

if TYPE_CHECKING:
    from seminar.large_source import LargeSource

LABEL_NAME = "seminar"
"""Name of the label image in an OME-Zarr's labels."""

CHUNK = 1024
SMALLEST_LEVEL = 1024
"""Coarser copies of the labels are added until they are no larger than this."""

_DAMAGE = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError)


@dataclass(frozen=True)
class Multiscale:
    """What the metadata of an image says.

    Attributes
    ----------
    version : str
        "0.4" or "0.5".
    array : str
        Path of the full-resolution array.
    axes : str
        One letter an axis.
    described_axes : sequence of mapping
        As they stand in the metadata, with types and units.
    scale : tuple of float
        One number an axis.
    """

    version: str
    array: str
    axes: str
    described_axes: Sequence[Mapping[str, Any]]
    scale: tuple[float, ...]
    shape: tuple[int, ...]
    dtype: str


def zarr_module() -> Any:
    """zarr, or a sentence on how to get it."""
    try:
        import zarr
    except ImportError:
        raise SeminarError(
            "OME-Zarr and images larger than memory need zarr; install it with: pip install 'seminar-napari[zarr]'"
        ) from None
    return zarr


def read_multiscale(path: Path) -> Multiscale:
    """Metadata of the image in an OME-Zarr.

    Raises
    ------
    SeminarError
        No OME-Zarr, damaged, or an array outside of the folder.
    """
    zarr = zarr_module()
    try:
        attributes = zarr.open_group(str(path), mode="r").attrs.asdict()
        described = attributes.get("ome", attributes)
        image = described["multiscales"][0]
        version = str(described.get("version") or image.get("version") or "0.4")
        dataset = image["datasets"][0]
        name = str(dataset["path"])
        axes = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in image["axes"]]
        scales = [step["scale"] for step in dataset.get("coordinateTransformations", []) if step.get("type") == "scale"]
        names = "".join(str(axis["name"]).lower() for axis in axes)
    except FileNotFoundError:
        raise SeminarError(
            f"{path}: expected an OME-Zarr, found no zarr metadata; give the folder that holds .zattrs or zarr.json"
        ) from None
    except _DAMAGE as error:
        raise SeminarError(
            f"{path}: not readable as an OME-Zarr image ({type(error).__name__}: {str(error)[:100]}); give the folder of one image"
        ) from None
    array = open_array(path, name)
    if len(names) != len(array.shape):
        raise SeminarError(
            f"{path}: its metadata names the axes {names}, its array has {len(array.shape)}; repair the metadata"
        )
    scale = (
        tuple(float(value) for value in scales[0]) if scales and len(scales[0]) == len(names) else (1.0,) * len(names)
    )
    return Multiscale(version, name, names, axes, scale, tuple(array.shape), str(array.dtype))


def open_array(path: Path, name: str) -> Any:
    """An array of an OME-Zarr, read only; a name that leads out of the folder, by '..' or by a link, is refused."""
    pure = PurePosixPath(name)
    if (
        pure.is_absolute()
        or ".." in pure.parts
        or "\\" in name
        or not name.strip("/")
        or not _lies_within(path, path / name)
    ):
        raise SeminarError(
            f"{path}: its metadata names the array '{name[:80]}' outside of the image's folder, so it is not opened; get the image from a source you trust"
        )
    zarr = zarr_module()
    try:
        return zarr.open_array(str(path / name), mode="r")
    except _DAMAGE as error:
        raise SeminarError(
            f"{path / name}: not readable as a zarr array ({str(error)[:100]}); restore the image"
        ) from None


def label_folder(source: LargeSource, out: Path | None) -> Path:
    """Where the labels of an image go.

    Raises
    ------
    SeminarError
        A link in that place; labels of this name that somebody else made.
    """
    image = Path(source.path)
    if source.kind == "tif":
        if out is None:
            raise SeminarError(f"{image}: --out is needed for its labels")
        target, inside = out, out.parent
    else:
        target, inside = image / "labels" / LABEL_NAME, image
    if not _lies_within(inside, target) or target.is_symlink():
        raise SeminarError(f"{target}: a link that leads elsewhere, so nothing is written there; remove it")
    if target.exists() and not _is_ours(target):
        raise SeminarError(f"{target}: not written by this program, so it is not replaced; move it away")
    return target


def create_labels(source: LargeSource, target: Path) -> None:
    """An empty label image with our mark; it is listed in the metadata only when it is finished."""
    zarr = zarr_module()
    version = _version(source)
    if source.kind == "zarr":
        zarr.open_group(str(target.parent), mode="a", zarr_format=_zarr_format(version))
    group = zarr.create_group(str(target), zarr_format=_zarr_format(version))
    group.attrs["seminar"] = {"finished": False}
    _create_level(group, "0", _label_shape(source), _label_axes(source), version)


def labels_array(target: Path) -> Any:
    """The full-resolution labels, to be written."""
    return zarr_module().open_array(str(target / "0"), mode="r+")


def finish_labels(source: LargeSource, target: Path, classes: ClassNames, block: int) -> None:
    """Add coarser levels and the metadata by which viewers find the labels."""
    zarr = zarr_module()
    version = _version(source)
    group = zarr.open_group(str(target), mode="r+")
    scales = [_label_scale(source)]
    axes = _label_axes(source)
    level = 0
    while max(group[str(level)].shape[-2:]) > SMALLEST_LEVEL:
        _add_coarser_level(group, level, axes, version, block)
        scales.append(tuple(value * 2 if axis in "yx" else value for axis, value in zip(axes, scales[-1], strict=True)))
        level += 1
    group.attrs.update(_label_metadata(source, classes, version, scales))
    if source.kind == "zarr":
        _list_label(target, version)
    group.attrs["seminar"] = {"finished": True}


def is_finished(target: Path) -> bool:
    """Whether labels of ours lie there, whole."""
    mark = _our_mark(target)
    return mark is not None and mark.get("finished") is True


def remove_labels(target: Path) -> None:
    """Delete labels of ours."""
    if _is_ours(target):
        shutil.rmtree(target)


def _add_coarser_level(group: Any, level: int, axes: str, version: str, block: int) -> None:
    """Every second row and column of the level before; labels cannot be averaged."""
    fine = group[str(level)]
    height, width = fine.shape[-2:]
    coarse = _create_level(group, str(level + 1), (*fine.shape[:-2], -(-height // 2), -(-width // 2)), axes, version)
    for plane in np.ndindex(*fine.shape[:-2]):
        for row in range(0, height, block):
            for col in range(0, width, block):
                part = fine[(*plane, slice(row, row + block), slice(col, col + block))][::2, ::2]
                coarse[
                    (*plane, slice(row // 2, row // 2 + part.shape[0]), slice(col // 2, col // 2 + part.shape[1]))
                ] = part


def _create_level(group: Any, name: str, shape: tuple[int, ...], axes: str, version: str) -> Any:
    chunks = tuple(min(CHUNK, side) if axis in "yx" else 1 for axis, side in zip(axes, shape, strict=True))
    if _zarr_format(version) == 2:
        return group.create_array(
            name,
            shape=shape,
            chunks=chunks,
            dtype="uint8",
            fill_value=0,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
    return group.create_array(name, shape=shape, chunks=chunks, dtype="uint8", fill_value=0, dimension_names=list(axes))


def _label_metadata(
    source: LargeSource, classes: ClassNames, version: str, scales: Sequence[tuple[float, ...]]
) -> dict[str, Any]:
    axes = _label_axes(source)
    described: Sequence[Mapping[str, Any]] = [
        {"name": axis, "type": "time" if axis == "t" else "space"} for axis in axes
    ]
    if source.kind == "zarr":
        described = [axis for axis in read_multiscale(Path(source.path)).described_axes if axis["name"].lower() != "c"]
    multiscales = {
        "name": LABEL_NAME,
        "axes": [dict(axis) for axis in described],
        "datasets": [
            {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": list(scale)}]}
            for level, scale in enumerate(scales)
        ],
    }
    label = {
        "colors": [
            {"label-value": class_id, "rgba": [*colour, 0 if class_id == 0 else 255]}
            for class_id, colour in enumerate(classes.colours)
        ],
        "properties": [{"label-value": class_id, "class": name} for class_id, name in enumerate(classes.names)],
    }
    if source.kind == "zarr":
        label["source"] = {"image": "../../"}  # type: ignore[assignment]
    if _zarr_format(version) == 2:
        return {"multiscales": [multiscales | {"version": version}], "image-label": label | {"version": version}}
    return {"ome": {"version": version, "multiscales": [multiscales], "image-label": label}}


def _list_label(target: Path, version: str) -> None:
    labels = zarr_module().open_group(str(target.parent), mode="r+")
    attributes = labels.attrs.asdict()
    if _zarr_format(version) == 2:
        labels.attrs["labels"] = sorted({*attributes.get("labels", []), LABEL_NAME})
    else:
        described = dict(attributes.get("ome", {}))
        labels.attrs["ome"] = described | {
            "version": version,
            "labels": sorted({*described.get("labels", []), LABEL_NAME}),
        }


def _version(source: LargeSource) -> str:
    return read_multiscale(Path(source.path)).version if source.kind == "zarr" else "0.5"


def _zarr_format(version: str) -> int:
    return 2 if version < "0.5" else 3


def _label_axes(source: LargeSource) -> str:
    return source.plane_axes + "yx"


def _label_shape(source: LargeSource) -> tuple[int, ...]:
    return (*source.plane_shape, source.height, source.width)


def _label_scale(source: LargeSource) -> tuple[float, ...]:
    if source.kind == "tif":
        return (1.0,) * len(_label_axes(source))
    image = read_multiscale(Path(source.path))
    return tuple(image.scale[image.axes.index(axis)] for axis in _label_axes(source))


def _is_ours(target: Path) -> bool:
    return _our_mark(target) is not None


def _our_mark(target: Path) -> dict[str, Any] | None:
    try:
        mark = zarr_module().open_group(str(target), mode="r").attrs.asdict().get("seminar")
    except _DAMAGE:
        return None
    return mark if isinstance(mark, dict) else None


def _lies_within(folder: Path, path: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
