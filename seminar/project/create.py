"""Make a project from image files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from seminar.errors import DatasetError
from seminar.io.files import let_all_read, write_text
from seminar.io.images import EXTENSIONS
from seminar.io.tif_layout import Pages
from seminar.labels import ClassNames
from seminar.project.images.mixed_channels import mixed_channels
from seminar.project.images.sources import find_sources, write_source
from seminar.project.layout import CLASSES, IMAGES


def create_project(
    path: Path,
    images: Sequence[Path | str],
    classes: ClassNames,
    *,
    pages: Pages = "auto",
    progress: Callable[[int, int], object] | None = None,
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
    progress : callable, optional
        Called with (files copied, files in all). What it raises ends the copying, and nothing is
        left behind.

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
    found = find_sources(images, pages)
    faults = list(found.left_out)
    if said := mixed_channels(found.channels()):
        faults.append(f"{path}: {said}; convert them, or make a project of each kind")
    if faults:
        raise DatasetError(faults)
    if not found.sources:
        raise DatasetError(
            f"{path}: no images to make a project from; name image files ({', '.join(EXTENSIONS)}) "
            "or folders that hold some"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=path.parent))
    try:
        for number, source in enumerate(found.sources):
            if progress is not None:
                progress(number, len(found.sources))
            write_source(source, building / IMAGES)
        write_text(building / CLASSES, classes.format())
        let_all_read(building, 0o755)
        if path.exists():
            path.rmdir()  # empty; Windows does not rename onto it
        building.rename(path)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return tuple(sorted(found.image_ids))
