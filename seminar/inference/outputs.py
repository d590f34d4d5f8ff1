"""Which images to predict, and the names of the output files."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError, SeminarError
from seminar.io.images import EXTENSIONS
from seminar.io.names import files_like
from seminar.io.ome_zarr_layouts import images_in, is_zarr, zarr_root
from seminar.labels import ClassNames
from seminar.project.layout import (
    CLASSES,
    CLICKS,
    IMAGES,
    OBJECTS,
    SPARSE_MASKS,
    TRUTH,
    image_files,
)
from seminar.project.project import Project


@dataclass(frozen=True)
class Outputs:
    """The files of one image in the output folder.

    Attributes
    ----------
    labels : Path
        Indexed label PNG (a tif of as many pages for a stack).
    instances, probabilities : Path or None
        Tifs, where asked for.
    """

    labels: Path
    instances: Path | None
    probabilities: Path | None

    @classmethod
    def of(
        cls, folder: Path, stem: str, *, instances: bool, probabilities: bool, ending: str = ".png"
    ) -> Outputs:
        """Where the results of the image `stem` go."""
        return cls(
            folder / f"{stem}{ending}",
            folder / f"{stem}_instances.tif" if instances else None,
            folder / f"{stem}_probabilities.tif" if probabilities else None,
        )

    def paths(self) -> tuple[Path, ...]:
        return tuple(path for path in (self.labels, self.instances, self.probabilities) if path)

    def missing(self) -> tuple[Path, ...]:
        """Paths that do not exist yet: what a resumed job still has to write."""
        return tuple(path for path in self.paths() if not path.exists())


def find_images(sources: Sequence[str]) -> tuple[Path, ...]:
    """The images named by files, folders, project folders and patterns with * ? [], each once.

    A folder stands for its images (not those of its subfolders), a project folder for those in
    JPEGImages, and an OME-Zarr, which is a folder too, for all images in it.

    Raises
    ------
    DatasetError
        All sources that name no image, and all pairs of images with one output name.
    """
    found: dict[Path, None] = {}
    faults = []
    for source in sources:
        images = _images_of(source)
        if isinstance(images, str):
            faults.append(images)
        else:
            found.update(dict.fromkeys(images))
    by_stem: dict[str, Path] = {}
    for path in found:
        first = by_stem.setdefault(stem_of(path).casefold(), path)
        if first != path:
            faults.append(
                f"{first} and {path} would both be written to {stem_of(path)}.png; rename one, or "
                "predict them into different folders"
            )
    if faults:
        raise DatasetError(faults)
    return tuple(found)


def stem_of(path: Path) -> str:
    """Name of an image's outputs: its id in a project, else the file name without its ending.

    .ome.tif and .ome.zarr count as one ending. The images of a plate or a collection are named
    after it and their place in it: plate_A_1_0.
    """
    if project_folder(path) and not is_zarr(path):
        return path.stem
    root = zarr_root(path) if is_zarr(path) else path
    stem = root.stem if root.suffix or not is_zarr(path) else root.name
    if stem.lower().endswith(".ome") and len(stem) > len(".ome"):
        stem = stem[: -len(".ome")]
    return "_".join([stem, *path.relative_to(root).parts]) if path != root else stem


def check_output_folder(folder: Path, images: Sequence[Path]) -> None:
    """Refuse a folder where outputs would replace, or mix with, the user's own files.

    Raises
    ------
    SeminarError
        A file; the folder of an input image; a project's folder of images, clicks or masks.
    """
    if folder.exists() and not folder.is_dir():
        raise SeminarError(
            f"--out {folder}: expected a folder, there is a file of this name; give another name"
        )
    place = folder.resolve()
    for image in images:
        if image.resolve().parent == place or image.parent.resolve() == place:
            raise SeminarError(
                f"--out {folder}: the images to predict lie there, and labels must not replace "
                "them; give another folder"
            )
    if (
        place.name in (IMAGES, CLICKS, SPARSE_MASKS, TRUTH, OBJECTS)
        and (place.parent / CLASSES).exists()
    ):
        raise SeminarError(
            f"--out {folder}: this folder of a project holds images, clicks or masks made by hand, "
            "which are never written; give another folder"
        )


def project_folder(path: Path) -> Path | None:
    """The project that an image lies in; None for images elsewhere."""
    folder = path.absolute().parent
    return folder.parent if folder.name == IMAGES and (folder.parent / CLASSES).exists() else None


def clicks_of(path: Path, classes: ClassNames) -> ClickSet | None:
    """The clicks of an image in a project with these classes; None without such clicks."""
    folder = project_folder(path)
    if folder is None:
        return None
    project = Project.open(folder)
    clicks = project.read_clicks(path.stem) if project.classes.names == classes.names else None
    return clicks if clicks is not None and len(clicks) else None


def _images_of(source: str) -> list[Path] | str:
    """Images of one source, or the fault as a sentence."""
    path = Path(source)
    if path.is_dir():
        if is_zarr(path):
            return images_in(path)
        if (path / IMAGES).is_dir():
            path = path / IMAGES
        zarrs = [entry for entry in path.iterdir() if entry.is_dir() and is_zarr(entry)]
        images = sorted([*image_files(path), *(image for one in zarrs for image in images_in(one))])
        return (
            images
            or f"{path}: no image in this folder (jpg, png, tif or OME-Zarr); give another folder"
        )
    if path.exists():
        return (
            [path]
            if path.suffix.lower() in EXTENSIONS
            else f"{path}: not an image by its ending; expected {', '.join(EXTENSIONS)} or .zarr"
        )
    if glob.has_magic(source):
        matches = files_like(source)
        images = [match for match in matches if match.suffix.lower() in EXTENSIONS]
        zarrs = [match for match in matches if match.is_dir() and is_zarr(match)]
        return [*images, *(image for one in zarrs for image in images_in(one))] or (
            f"{source}: no image has a name like this; check the pattern"
        )
    return f"{path}: no such file or folder; check the name"
