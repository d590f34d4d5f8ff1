"""Images come into a project that exists, leave it, and come back; their clicks stay."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from seminar.errors import DatasetError
from seminar.io.files import locked, rename
from seminar.io.images import image_header
from seminar.io.names import same_name, shown
from seminar.io.tif_layout import Pages
from seminar.project.images.sources import Source, find_sources, write_source
from seminar.project.images.split_files import drop_from_splits, join_split
from seminar.project.layout import IMAGES, REMOVED, image_files


@dataclass(frozen=True)
class Added:
    """What came in.

    Attributes
    ----------
    image_ids : tuple of str
    left_out : tuple of str
        Why other files did not, one sentence each.
    """

    image_ids: tuple[str, ...]
    left_out: tuple[str, ...]


def add_images(
    project: Path,
    images: Sequence[Path | str],
    *,
    progress: Callable[[int, int], object] | None = None,
) -> Added:
    """Copy more images into a project; where there is a training split, they join it.

    Clicks that are there for an image of this name, as of one that was removed, are its clicks. The
    pages of a tif are taken for planes or for channels so that they fit the images that are there.

    Parameters
    ----------
    images, progress
        As of `seminar.project.create.create_project`.

    Raises
    ------
    DatasetError
        No image came in; it says why each did not.
    OSError
        Disk full, no permission; images that were copied until then are in the project.
    """
    found = find_sources(images)
    sources, faults = _fitting(project, found.sources)
    left_out = (*found.left_out, *faults)
    if not sources:
        raise DatasetError(left_out)
    for number, source in enumerate(sources):
        if progress is not None:
            progress(number, len(sources))
        with locked(project):  # clicks that are saved meanwhile wait for one file at most
            write_source(source, project / IMAGES)
            join_split(project, source.image_ids)
    return Added(tuple(name for source in sources for name in source.image_ids), left_out)


def remove_images(project: Path, image_ids: Collection[str]) -> None:
    """Move images out of the project, into its folder `removed`; their clicks and masks stay.

    Raises
    ------
    DatasetError
        No image would be left, or a split is damaged.
    OSError
        No permission.
    """
    with locked(project):
        there = list(image_files(project / IMAGES))
        files = [path for path in there if path.stem in image_ids]
        if len(files) == len(there):
            raise DatasetError(
                f"{project}: a project needs an image; add others before the last one is removed"
            )
        (project / REMOVED).mkdir(exist_ok=True)
        drop_from_splits(project, image_ids)
        for path in files:
            rename(path, _free(project / REMOVED / path.name))


def removed_images(project: Path) -> tuple[Path, ...]:
    """Files of images that were removed."""
    return tuple(sorted(image_files(project / REMOVED)))


def put_back(project: Path, files: Collection[Path]) -> Added:
    """Move removed images back; one whose name is taken by now stays where it is.

    Raises
    ------
    OSError
        No permission.
    """
    back, left_out = [], []
    with locked(project):
        taken = {same_name(path.stem) for path in image_files(project / IMAGES)}
        for path in files:
            if same_name(path.stem) in taken:
                left_out.append(f"{path}: the project has an image of this name; rename the file")
                continue
            rename(path, project / IMAGES / path.name)
            back.append(path.stem)
        join_split(project, back)
    return Added(tuple(back), tuple(left_out))


def _fitting(project: Path, sources: Sequence[Source]) -> tuple[list[Source], list[str]]:
    """Those whose names are free, with as many channels as the project's images; and the rest."""
    there = sorted(image_files(project / IMAGES))
    taken = {same_name(path.stem) for path in there}
    channels = _channels(there)
    kept, faults = [], []
    for found in sources:
        source = _with_channels(found, channels)
        known = [name for name in (source or found).image_ids if same_name(name) in taken]
        if known:
            faults.append(
                f"{found.path}: the project has an image '{shown(known[0])}'; rename the file, or "
                "remove that image first"
            )
        elif source is None:
            faults.append(
                f"{found.path}: {found.channels or 'different numbers of'} channels, where the "
                f"images of the project have {channels}; convert it"
            )
        else:
            kept.append(source)
    return kept, faults


def _channels(files: Sequence[Path]) -> int:
    """Of the first file that can be read; 0 where none can."""
    for path in files:
        with contextlib.suppress(DatasetError, OSError):
            return image_header(path).channels
    return 0


def _with_channels(source: Source, channels: int) -> Source | None:
    """The source with its pages taken so that its images have these channels; 0 for any."""
    if source.channels == channels or not channels:
        return source
    meanings: tuple[Pages, ...] = ("planes", "channels")
    for pages in meanings if source.path.suffix.lower() in (".tif", ".tiff") else ():
        for other in find_sources([source.path], pages).sources:
            if other.channels == channels:
                return other
    return None


def _free(path: Path) -> Path:
    """This name, or one with a number where it is taken: nothing is replaced."""
    if not path.exists():
        return path
    others = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(other for other in others if not other.exists())
