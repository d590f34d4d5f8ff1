"""Metadata of OME-Zarr images (NGFF 0.3 to 0.5): which array, which axes, which scale.

Parsed here, as yaozarrs 0.3.4 refuses images that are read (axes as plain letters, channels last,
no scale), drops the class names of labels, writes 0.5 only, and requires pydantic.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from seminar.errors import SeminarError

DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
)
"""What zarr raises on damaged metadata."""

VERSIONS = ("0.3", "0.4", "0.5")
"""What is read and written. 0.1 and 0.2 name no axes, 0.6 describes them elsewhere."""

METADATA_FILES = frozenset(("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"))


@dataclass(frozen=True)
class Multiscale:
    """The metadata of an image.

    Attributes
    ----------
    version : str
        One of `VERSIONS`.
    array : str
        Path of the full-resolution array.
    axes : str
        One letter per axis.
    described_axes : sequence of mapping
        As in the metadata, with types and units.
    scale : tuple of float
        One number per axis.
    """

    version: str
    array: str
    axes: str
    described_axes: Sequence[Mapping[str, Any]]
    scale: tuple[float, ...]
    shape: tuple[int, ...]
    dtype: str


def zarr_module() -> Any:
    """The module zarr, or an error that says how to install it."""
    try:
        import zarr
    except ImportError:
        raise SeminarError(
            "OME-Zarr and images larger than memory need zarr; install it with: pip install "
            "'seminar-napari[zarr]'"
        ) from None
    return zarr


def read_multiscale(path: Path) -> Multiscale:
    """Metadata of the image in an OME-Zarr.

    Raises
    ------
    SeminarError
        Not an OME-Zarr, of another version, damaged, or an array outside of the folder.
    """
    try:
        attributes = open_group(path).attrs.asdict()
        described = attributes.get("ome", attributes)
        image = described["multiscales"][0]
        version = str(described.get("version") or image.get("version") or "")
        version = version or ("0.4" if "axes" in image else "0.1 or 0.2")
        if not version.startswith(VERSIONS):
            raise SeminarError(
                f"{path}: OME-Zarr {version}, expected {', '.join(VERSIONS)}; convert it, for "
                "instance with `ngff-zarr -i IMAGE -o NEW.zarr` (pip install ngff-zarr)"
            )
        dataset = image["datasets"][0]
        name = str(dataset["path"])
        axes = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in image["axes"]]
        scales = [
            tuple(float(value) for value in step["scale"])
            for step in dataset.get("coordinateTransformations", [])
            if step.get("type") == "scale"
        ]
        names = "".join(str(axis["name"]).lower() for axis in axes)
    except FileNotFoundError:
        raise SeminarError(
            f"{path}: expected an OME-Zarr, found no group of zarr; give the folder that holds "
            ".zattrs or zarr.json, or save an array as an OME-Zarr"
        ) from None
    except DAMAGE as error:
        raise SeminarError(
            f"{path}: not readable as an OME-Zarr, it is damaged or no group in it describes an "
            f"image ({type(error).__name__}: {str(error)[:100]}); save it again as an OME-Zarr"
        ) from None
    array = open_array(path, name)
    if len(names) != len(array.shape):
        raise SeminarError(
            f"{path}: its metadata names the axes {names}, its array has {len(array.shape)}; "
            "repair the metadata"
        )
    has_scale = scales and len(scales[0]) == len(names)
    scale = scales[0] if has_scale else (1.0,) * len(names)
    return Multiscale(version, name, names, axes, scale, tuple(array.shape), str(array.dtype))


def open_group(path: Path, mode: str = "r") -> Any:
    """A group as it is, not as consolidated metadata remember it.

    zarr 3.1 prefers them, so what was added to a group since is not seen.
    """
    return zarr_module().open_group(str(path), mode=mode, use_consolidated=False)


def has_chunks(path: Path, name: str) -> bool:
    """Whether any chunk of an array is there: one that is missing is read as zeros."""
    files = (Path(folder, file) for folder, _, files in os.walk(path / name) for file in files)
    return any(file.name not in METADATA_FILES for file in files)


def open_array(path: Path, name: str) -> Any:
    """An array of an OME-Zarr, read-only; names that lead out of the folder are refused."""
    pure = PurePosixPath(name)
    if (
        pure.is_absolute()
        or ".." in pure.parts
        or "\\" in name
        or not name.strip("/")
        or not lies_within(path, path / name)
    ):
        raise SeminarError(
            f"{path}: its metadata names the array '{name[:80]}' outside of the image's folder, so "
            "it is not opened; get the image from a source you trust"
        )
    zarr = zarr_module()
    try:
        return zarr.open_array(str(path / name), mode="r")
    except DAMAGE as error:
        raise SeminarError(
            f"{path / name}: not readable as a zarr array ({str(error)[:100]}); restore the image"
        ) from None


def lies_within(folder: Path, path: Path) -> bool:
    """Whether a path is inside a folder after links are followed."""
    return path.resolve().is_relative_to(folder.resolve())
