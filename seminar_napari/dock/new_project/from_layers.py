"""Makes a project of open image layers: a stack becomes its planes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from napari.layers import Image
from PIL import Image as PillowImage

from seminar.errors import SeminarError
from seminar.io.tif import tif_layout
from seminar.labels import ClassNames
from seminar.project.images.sources import find_sources
from seminar.project.project import Project
from seminar_napari.inspect.overlay_layers import MARK

_KEEPS_FILE = (".png", ".jpg", ".jpeg")
_TIF = (".tif", ".tiff")


def image_layers(layers: Iterable[Any]) -> tuple[Image, ...]:
    """The layers that can become a project: not our own."""
    return tuple(
        layer
        for layer in layers
        if isinstance(layer, Image) and MARK not in layer.metadata and not _is_shown_image(layer)
    )


def _is_shown_image(layer: Image) -> bool:
    """Whether a dock made this layer; a person's copy of it has another name."""
    return bool(layer.name == layer.metadata.get("seminar", {}).get("image_id"))


def number_of_images(layer: Image) -> int:
    """The number of images that a layer becomes: what its file holds, or else its planes."""
    if (file := _file_of(layer)) is not None:
        return len(find_sources([file]).image_ids)
    return int(np.prod(_leading_shape(layer), dtype=np.int64))


def classes_from(names: Sequence[str], colours: Sequence[str]) -> ClassNames:
    """Classes of these names with colours "#rrggbb"; rows without a name are ignored.

    Raises
    ------
    DatasetError
        Fewer than two, or a name twice.
    """
    pairs = zip(names, colours, strict=True)
    rows = [f"{name.strip()} {colour}" for name, colour in pairs if name.strip()]
    return ClassNames.parse("\n".join(rows), "classes")


def create_from_layers(
    path: Path,
    layers: Sequence[Image],
    classes: ClassNames,
    *,
    progress: Callable[[int, int], object],
) -> None:
    """Make a project folder of all images of these layers.

    Parameters
    ----------
    progress : callable
        Called with (images done, all images). What it raises ends the copying, and nothing is left
        behind.

    Raises
    ------
    SeminarError
        No layer, a layer whose pixels are not numbers, or a folder that exists already.
    """
    total = sum(number_of_images(layer) for layer in layers)
    if not total:
        raise SeminarError("no image layer is chosen; open an image in napari, then choose it here")
    with tempfile.TemporaryDirectory(prefix="seminar-") as folder:
        files: list[Path] = []
        done = 0
        for layer in layers:
            if (
                source := _file_of(layer)
            ) is not None:  # the same file, not a new one of its pixels
                files.append(Path(folder) / (_unused(_name(layer), files) + source.suffix.lower()))
                files[-1].write_bytes(source.read_bytes())
                done += number_of_images(layer)
                progress(done, total)
                continue
            for name, plane in _planes(layer):
                files.append(_write_plane(Path(folder), _unused(name, files), plane, layer))
                done += 1
                progress(done, total)
        Project.create(path, files, classes)


def _data(layer: Image) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _leading_shape(layer: Image) -> tuple[int, ...]:
    shape = tuple(_data(layer).shape)
    return shape[: -3 if layer.rgb else -2]


def _file_of(layer: Image) -> Path | None:
    """The image file of which the layer shows everything, so that it is read as elsewhere.

    A tif of several channels is one image then, as on the command line.
    """
    path = Path(layer.source.path) if layer.source.path else None
    if path is None or not path.is_file():
        return None
    if path.suffix.lower() in _KEEPS_FILE:
        return path if not _leading_shape(layer) else None
    if path.suffix.lower() not in _TIF:
        return None
    try:
        values = np.prod(tif_layout(path).shape, dtype=np.int64)
    except (SeminarError, OSError, ValueError):
        return None
    return path if values == _data(layer).size and find_sources([path]).sources else None


def _name(layer: Image) -> str:
    return re.sub(r"[^\w.-]+", "_", layer.name).strip("._") or "image"


def _planes(layer: Image) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    data, leading = _data(layer), _leading_shape(layer)
    widths = [len(str(size - 1)) for size in leading]
    for index in np.ndindex(*leading):
        numbers = zip(index, widths, strict=True)
        suffix = "".join(f"_{number:0{width}d}" for number, width in numbers)
        yield _name(layer) + suffix, np.asarray(data[index])


def _unused(name: str, files: Sequence[Path]) -> str:
    taken = {file.stem.lower() for file in files}
    if name.lower() not in taken:
        return name
    others = (f"{name}-{number}" for number in count(2))
    return next(other for other in others if other.lower() not in taken)


def _write_plane(folder: Path, name: str, plane: npt.NDArray[Any], layer: Image) -> Path:
    pixels = _native(plane, layer)
    if pixels.dtype == np.uint8:
        file = folder / f"{name}.png"
        PillowImage.fromarray(pixels).save(file)
    else:
        file = folder / f"{name}.tif"
        tifffile.imwrite(file, pixels, photometric="rgb" if layer.rgb else "minisblack")
    return file


def _native(plane: npt.NDArray[Any], layer: Image) -> npt.NDArray[Any]:
    """The plane as uint8, uint16 or float32, without alpha."""
    pixels = plane[..., :3] if layer.rgb else plane
    if pixels.dtype.kind not in "buif":
        raise SeminarError(
            f"layer '{layer.name}': expected pixels that are numbers, got {pixels.dtype}; convert "
            "it first"
        )
    if pixels.dtype == np.bool_:
        return np.ascontiguousarray(pixels).astype(np.uint8) * np.uint8(255)
    if pixels.dtype in (np.uint8, np.uint16, np.float32):
        return np.ascontiguousarray(pixels)
    if layer.rgb and pixels.dtype.kind == "f":
        return np.asarray(np.clip(pixels, 0, 1) * 255, dtype=np.uint8)
    if pixels.dtype.kind in "ui" and pixels.size and pixels.min() >= 0 and pixels.max() < 2**16:
        return pixels.astype(np.uint16)
    return pixels.astype(np.float32)
