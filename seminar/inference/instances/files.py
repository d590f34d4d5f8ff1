"""Instance maps as 16-bit tifs, as image programs read them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from seminar.errors import SeminarError
from seminar.inference.instances.divide import InstanceMap
from seminar.io.files import write_bytes

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
