"""The images that files, folders and patterns hold, and what is wrong with the rest."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tifffile

from seminar.errors import DatasetError
from seminar.io.files import write_bytes
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
from seminar.project.layout import MIN_SIDE, image_files, too_small


@dataclass(frozen=True)
class Source:
    """An image file.

    Attributes
    ----------
    path : Path
    image_ids : tuple of str
        Of its images: its stem, or for the planes of a stack ``<stem>_000`` and so on.
    channels : int
        Of each image; 0 where they differ.
    is_copied : bool
        Whether it can be copied byte by byte.
    pages : "auto", "planes" or "channels"
        What its pages are, if it is a tif.
    """

    path: Path
    image_ids: tuple[str, ...]
    channels: int
    is_copied: bool
    pages: Pages = "auto"


@dataclass(frozen=True)
class FoundImages:
    """What can become images of a project.

    Attributes
    ----------
    sources : tuple of Source
        With names that do not collide; their numbers of channels may differ.
    left_out : tuple of str
        What is wrong with everything else, one sentence each.
    """

    sources: tuple[Source, ...]
    left_out: tuple[str, ...]

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Of all sources, in their order."""
        return tuple(image_id for source in self.sources for image_id in source.image_ids)

    def channels(self) -> dict[str, int]:
        """The number of channels of each image."""
        return {name: source.channels for source in self.sources for name in source.image_ids}

    def by_channels(self) -> dict[int, FoundImages]:
        """The images of each number of channels; the kind with the most images comes first."""
        kinds: dict[int, list[Source]] = {}
        for source in self.sources:
            kinds.setdefault(source.channels, []).append(source)
        found = {count: FoundImages(tuple(kind), self.left_out) for count, kind in kinds.items()}
        return dict(sorted(found.items(), key=lambda item: -len(item[1].image_ids)))


def find_sources(images: Iterable[Path | str], pages: Pages = "auto") -> FoundImages:
    """Look at the headers of image files.

    Parameters
    ----------
    images : iterable of Path or str
        Image files, folders (without their subfolders) and patterns such as ``scans/*.tif``.
    pages : "auto", "planes" or "channels"
        What the pages of a tif are, see `seminar.project.create.create_project`.
    """
    files, faults = _image_files(images)
    sources = []
    for file in files:
        try:
            sources.append(_source(file, pages))
        except DatasetError as error:
            faults += error.faults
    return _named(sources, faults)


def write_source(source: Source, folder: Path) -> None:
    """Copy an image byte by byte into a folder, or write each plane of a stack."""
    if source.is_copied:
        copy = folder / f"{source.image_ids[0]}{source.path.suffix.lower()}"
        write_bytes(copy, source.path.read_bytes(), durable=False)
        return
    for image_id, plane in zip(
        source.image_ids, read_planes(source.path, source.pages), strict=True
    ):
        data = io.BytesIO()
        if plane.shape[2] == 1:
            tifffile.imwrite(data, plane[:, :, 0], metadata=None)
        else:
            colours = "rgb" if plane.shape[2] == 3 else "minisblack"
            tifffile.imwrite(data, plane, photometric=colours, planarconfig="contig", metadata=None)
        write_bytes(folder / f"{image_id}.tif", data.getvalue(), durable=False)


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


def _source(path: Path, pages: Pages) -> Source:
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
        return Source(path, (path.stem,), channels, is_copied, pages)
    digits = max(3, len(str(count - 1)))
    ids = tuple(f"{path.stem}_{number:0{digits}d}" for number in range(count))
    return Source(path, ids, channels, is_copied, pages)


def _named(sources: Sequence[Source], faults: Sequence[str]) -> FoundImages:
    """The sources whose names can be image ids, the first of those that collide."""
    kept, left_out = [], list(faults)
    seen: dict[str, Path] = {}
    for source in sources:
        found = _name_faults(source, seen)
        left_out += found
        if not found:
            kept.append(source)
    return FoundImages(tuple(kept), tuple(left_out))


def _name_faults(source: Source, seen: dict[str, Path]) -> list[str]:
    faults = []
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
