"""Instance maps as 16-bit tifs, as image programs read them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from seminar.errors import DatasetError, SeminarError
from seminar.inference.instances.divide import InstanceMap
from seminar.io.files import write_bytes
from seminar.io.images import explained
from seminar.io.tif import tif_values

MAX_OBJECTS = 2**16 - 1


def as_16_bit(instances: InstanceMap, where: str) -> npt.NDArray[np.uint16]:
    """An instance map as image programs read it.

    Raises
    ------
    SeminarError
        More than 65,535 objects; `where` names the file.
    """
    if instances.max(initial=0) > MAX_OBJECTS:
        raise SeminarError(
            f"{where}: {int(instances.max()):,} objects are more than the {MAX_OBJECTS:,} of a "
            "16-bit tif; predict the image in parts"
        )
    return instances.astype(np.uint16)


def write_instances(path: Path, instances: InstanceMap) -> None:
    """Write an instance map as a 16-bit tif, whole or not at all; errors as of `as_16_bit`."""
    values = as_16_bit(instances, str(path))
    data = io.BytesIO()  # tifffile takes no unnamed file
    tifffile.imwrite(
        data, values, compression="zlib", photometric="minisblack", metadata={"axes": "YX"}
    )
    write_bytes(path, data.getvalue())


def instances_path(folder: Path, image_id: str) -> Path | None:
    """The file with the objects of an image in a folder: <image_id>_instances.tif as `seminar
    predict` writes it, or <image_id>.tif as the window does; None where there is neither.
    """
    paths = (folder / f"{image_id}_instances.tif", folder / f"{image_id}.tif")
    return next((path for path in paths if path.is_file()), None)


def holds_instances(folder: Path) -> bool:
    """Whether there is a tif in a folder."""
    return any(path.suffix.lower() == ".tif" for path in folder.iterdir())


def read_instances(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.integer]:
    """Read the object numbers of an image of this shape (height, width).

    Raises
    ------
    DatasetError
        Not a readable tif, of another size, or of other values than whole numbers from 0.
    """
    with explained(path):
        values = tif_values(path)
    if len(values) != 1 or values.shape[1:] != shape or values.dtype.kind not in "ui":
        raise DatasetError(
            f"{path}: expected one page of {shape[0]} x {shape[1]} object numbers (height x "
            f"width), got {' x '.join(map(str, values.shape))} {values.dtype} values; divide the "
            "mask of this image"
        )
    if values.min() < 0:
        raise DatasetError(
            f"{path}: holds {int(values.min())}, expected object numbers from 0; save it again"
        )
    return np.asarray(values[0])
