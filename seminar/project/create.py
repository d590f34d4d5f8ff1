"""Make a project from image files."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tifffile

from seminar.errors import DatasetError
from seminar.io.files import let_all_read, write_bytes, write_text
from seminar.io.images import (
    EXTENSIONS,
    explained,
    image_header,
    looks_whole,
    read_image,
    read_planes,
)
from seminar.io.names import files_like, name_fault, portability_fault, same_name, shown
from seminar.io.ome_zarr_layouts import is_zarr
from seminar.io.tif import tif_pages
from seminar.io.tif_layout import Pages
from seminar.labels import ClassNames
from seminar.project.layout import CLASSES, IMAGES, MIN_SIDE, image_files, too_small
from seminar.project.mixed_channels import mixed_channels


def create_project(
    path: Path, images: Sequence[Path | str], classes: ClassNames, *, pages: Pages = "auto"
) -> tuple[str, ...]:
    """Make a project folder from copies of images; returns the image ids.

    Parameters
    ----------
    path : Path
        A folder that does not exist or is empty: nothing is overwritten. It is made with all its
        files or not at all.
    images : sequence of Path or str
        Image files, folders (without their subfolders) and patterns such as ``scans/*.tif``.
    classes : ClassNames
    pages : "auto", "planes" or "channels"
        Whether a tif with many pages becomes one image per page, ``<name>_000.tif`` and so on: if
        the file or `seminar.io.tif` takes them for planes ("auto"), always, or never.

    Raises
    ------
    DatasetError
        All faults of the images: not readable, names that some systems do not allow, the same name
        twice, different numbers of channels; or a folder that is not empty.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise DatasetError(
            f"{path}: already there and not empty; choose another name for the project"
        )
    files, faults = _image_files(images)
    sources = []
    for file in files:
        try:
            sources.append(_source(file, pages))
        except DatasetError as error:
            faults += error.faults
    faults += _name_faults(sources)
    counts = {image_id: source.channels for source in sources for image_id in source.image_ids}
    if said := mixed_channels(counts):
        faults.append(f"{path}: {said}; convert them, or make a project of each kind")
    if faults:
        raise DatasetError(faults)
    if not sources:
        raise DatasetError(
            f"{path}: no images to make a project from; name image files ({', '.join(EXTENSIONS)}) "
            "or folders that hold some"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=path.parent))
    try:
        ids = [image_id for source in sources for image_id in source.image_ids]
        for source in sources:
            _add(source, building / IMAGES, pages)
        write_text(building / CLASSES, classes.format())
        let_all_read(building, 0o755)
        if path.exists():
            path.rmdir()  # empty; Windows does not rename onto it
        building.rename(path)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return tuple(sorted(ids))


@dataclass(frozen=True)
class _Source:
    """An image file, the ids and channels of its images, and if it can be copied byte by byte."""

    path: Path
    image_ids: tuple[str, ...]
    channels: int
    is_copied: bool


def _image_files(images: Iterable[Path | str]) -> tuple[list[Path], list[str]]:
    """The image files, each once, and what is wrong with the rest."""
    files: dict[Path, None] = {}
    faults = []
    for given in images:
        path = Path(given)
        if path.is_dir():
            found = [] if is_zarr(path) else sorted(image_files(path))
        elif path.exists():
            found = [path]
        else:
            found = [
                match
                for match in files_like(str(given))
                if match.suffix.lower() in EXTENSIONS and match.is_file()
            ]
        if not found and path.is_dir() and is_zarr(path):
            faults.append(
                f"{path}: an OME-Zarr, which is predicted but not annotated; save the planes to "
                "click on as tif"
            )
        elif not found:
            faults.append(
                f"{path}: no image found there; name a file, a folder or a pattern with images "
                f"({', '.join(EXTENSIONS)})"
            )
        files.update(dict.fromkeys(found))
    return list(files), faults


def _source(path: Path, pages: Pages) -> _Source:
    count, channels, is_copied = 1, 0, True
    if path.suffix.lower() not in EXTENSIONS:
        raise DatasetError(
            f"{path}: not an image by its name; convert it to {', '.join(EXTENSIONS)}"
        )
    if path.suffix.lower() in (".tif", ".tiff"):
        with explained(path):
            count, channels, is_copied = tif_pages(path, pages)
    if is_copied:
        header = image_header(path)
        size, channels = (header.height, header.width), header.channels
        if min(size) < MIN_SIDE:
            raise DatasetError(too_small(path, size))
        if not looks_whole(path):
            read_image(path)
    if count == 1:
        return _Source(path, (path.stem,), channels, is_copied)
    digits = max(3, len(str(count - 1)))
    ids = tuple(f"{path.stem}_{number:0{digits}d}" for number in range(count))
    return _Source(path, ids, channels, is_copied)


def _name_faults(sources: Sequence[_Source]) -> list[str]:
    faults = []
    seen: dict[str, Path] = {}
    for source in sources:
        stem = source.path.stem
        if fault := name_fault(stem) or portability_fault(stem):
            faults.append(
                f"{source.path.parent / shown(source.path.name)}: the name cannot be an image id: "
                f"{fault}; rename the file"
            )
        for image_id in source.image_ids:
            first = seen.setdefault(same_name(image_id), source.path)
            if first != source.path:
                faults.append(
                    f"{source.path}: would get the same image id as {first}, '{shown(image_id)}'; "
                    "rename one of them"
                )
    return faults


def _add(source: _Source, folder: Path, pages: Pages) -> None:
    """Copy an image byte by byte, or write each plane of a stack."""
    if source.is_copied:
        copy = folder / f"{source.image_ids[0]}{source.path.suffix.lower()}"
        write_bytes(copy, source.path.read_bytes(), durable=False)
        return
    for image_id, plane in zip(source.image_ids, read_planes(source.path, pages), strict=True):
        data = io.BytesIO()
        if plane.shape[2] == 1:
            tifffile.imwrite(data, plane[:, :, 0], metadata=None)
        else:
            colours = "rgb" if plane.shape[2] == 3 else "minisblack"
            tifffile.imwrite(data, plane, photometric=colours, planarconfig="contig", metadata=None)
        write_bytes(folder / f"{image_id}.tif", data.getvalue(), durable=False)
