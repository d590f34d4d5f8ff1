"""A project folder: images, clicks and truth, read and written by image id."""

from __future__ import annotations

import contextlib
import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seminar.clicks.click_set import ClickSet
from seminar.config.toml_file import CONFIG_FILE
from seminar.errors import DatasetError
from seminar.io.images import EXTENSIONS, explained, image_size, read_image
from seminar.io.intensities import ImageArray
from seminar.io.label_png import palette_fault, read_label_png, read_object_png
from seminar.io.names import name_fault, shown
from seminar.labels import ClassNames, LabelMap
from seminar.project.create import create_project
from seminar.project.layout import (
    CLASSES,
    CLICKS,
    ENDINGS,
    IMAGES,
    OBJECTS,
    PREDICTIONS,
    SPARSE_MASKS,
    SPLITS,
    TRUTH,
    file_of,
    file_of_others,
    folder_entries,
    ids_in,
    image_files,
    is_folder,
    read_split,
    read_text,
)
from seminar.project.write_clicks import clicks_faults, mend_mask, write_click_files
from seminar.run.folder import RUNS


@dataclass(frozen=True)
class Project:
    """An open project folder; only its path and its classes are kept in memory.

    Attributes
    ----------
    path : Path
    classes : ClassNames
    """

    path: Path
    classes: ClassNames

    @classmethod
    def open(cls, path: Path | str) -> Project:
        """Open the project in this folder.

        Raises
        ------
        DatasetError
            No such folder, no JPEGImages, no classes.txt or one that is not readable.
        """
        path = Path(path)
        if not path.is_dir():
            raise DatasetError(
                f"{path}: no such folder; check the name, or make a project with `seminar new`"
            )
        faults = []
        if not (path / IMAGES).is_dir():
            faults.append(
                f"{path / IMAGES}: missing, so this is not a project; make one with `seminar new`, "
                "or put the images there"
            )
        listed = path / CLASSES
        text = read_text(listed, "UTF-8") if listed.is_file() else None
        if text is None:
            faults.append(
                f"{listed}: missing; write the names of the classes into it, one a line, the "
                "background first"
            )
        if faults or text is None:
            raise DatasetError(faults)
        return cls(path, ClassNames.parse(text, str(listed)))

    @classmethod
    def create(cls, path: Path | str, images: Sequence[Path | str], classes: ClassNames) -> Project:
        """Make a project in a new or empty folder from copies of images.

        See `seminar.project.create.create_project`.
        """
        create_project(Path(path), images, classes)
        return cls(Path(path), classes)

    def image_ids(self) -> tuple[str, ...]:
        """Sorted ids of all images: the names of the files in JPEGImages without their endings."""
        return tuple(sorted({path.stem for path in image_files(self.path / IMAGES)}))

    def split(self, name: str) -> tuple[str, ...] | None:
        """Ids in ImageSets/Segmentation/<name>.txt, in its order and each once.

        None where the file is missing.

        Raises
        ------
        DatasetError
            A line that cannot be an image id, or that names no image of the project.
        """
        path = self.split_path(name)
        lines = read_split(path)
        if lines is None:
            return None
        known = {_composed(image_id): image_id for image_id in self.image_ids()}
        faults = []
        found = []
        for number, line in lines:
            if fault := name_fault(line):
                faults.append(
                    f"{path}, line {number}: '{shown(line)}' cannot be an image id: {fault}; "
                    "correct or delete the line"
                )
            elif (image_id := known.get(_composed(line))) is None:
                faults.append(
                    f"{path}, line {number}: no image {shown(line)} in {IMAGES}; add the image or "
                    "delete the line"
                )
            else:
                found.append(image_id)
        if faults:
            raise DatasetError(faults)
        return tuple(dict.fromkeys(found))

    def split_path(self, name: str) -> Path:
        """ImageSets/Segmentation/<name>.txt, whether it exists or not."""
        if fault := name_fault(name):
            raise DatasetError(
                f"split '{shown(name)}' cannot be a file name: {fault}; use another name"
            )
        return self.path / SPLITS / f"{name}.txt"

    def image_path(self, image_id: str) -> Path:
        """The file of an image.

        Raises
        ------
        DatasetError
            No such image, or an id that cannot be a file name.
        """
        for ending in EXTENSIONS:
            if (path := file_of(self.path, IMAGES, image_id, ending)).exists():
                return path
        for path in image_files(self.path / IMAGES):  # endings in capitals
            if path.stem == image_id:
                return path
        raise DatasetError(
            f"{self.path / IMAGES / shown(image_id)}: no such image; add it, or leave it out of "
            "the split"
        )

    def read_image(self, image_id: str) -> ImageArray:
        """(H, W, C) in its own depth, see `seminar.io.images.read_image`."""
        return read_image(self.image_path(image_id))

    def image_size(self, image_id: str) -> tuple[int, int]:
        """(height, width) from the file's header."""
        return image_size(self.image_path(image_id))

    def clicks_path(self, image_id: str) -> Path:
        """Clicks/<image_id>.json, whether it exists or not, as for the next ones."""
        return file_of(self.path, CLICKS, image_id)

    def sparse_mask_path(self, image_id: str) -> Path:
        """SegmentationClick/<image_id>.png."""
        return file_of(self.path, SPARSE_MASKS, image_id)

    def truth_path(self, image_id: str) -> Path:
        """SegmentationClass/<image_id>.png, or .PNG if that is there."""
        return file_of_others(self.path, TRUTH, image_id)

    def objects_path(self, image_id: str) -> Path:
        """SegmentationObject/<image_id>.png, or .PNG if that is there."""
        return file_of_others(self.path, OBJECTS, image_id)

    @property
    def classes_path(self) -> Path:
        """classes.txt."""
        return self.path / CLASSES

    @property
    def runs_path(self) -> Path:
        """The folder of all runs."""
        return self.path / RUNS

    @property
    def predictions_path(self) -> Path:
        """Where the window suggests to predict to, one folder per run."""
        return self.path / PREDICTIONS

    def read_clicks(self, image_id: str) -> ClickSet | None:
        """Clicks of an image; None where it has none.

        Read from the JSON, else from every labelled pixel of the sparse mask. Nothing is written:
        a mask that differs from the JSON is ignored here, reported by `seminar check`, and mended
        by `mend_masks`.

        Raises
        ------
        DatasetError
            A file that is not readable, see `ClickSet.from_json` and `read_label_png`.
        """
        path = self.clicks_path(image_id)
        with explained(path):
            text = path.read_bytes() if os.path.lexists(path) else None
        if text is not None:
            return ClickSet.from_json(text, str(path))
        mask_path = self.sparse_mask_path(image_id)
        return ClickSet.from_mask(read_label_png(mask_path)) if mask_path.exists() else None

    def write_clicks(
        self, image_id: str, clicks: ClickSet, *, base: ClickSet | None = None, durable: bool = True
    ) -> None:
        """Write the JSON and then its sparse mask, each whole or not at all.

        Parameters
        ----------
        base : ClickSet or None
            What `clicks` was made from. Changes that another window or program has made to the file
            since are kept as well (`seminar.clicks.click_set.merged`). None replaces the file.
        durable : bool
            False does not wait for the disk: for many images at once, whose clicks can be made
            again.

        Raises
        ------
        DatasetError
            A class id that classes.txt does not have, or clicks of an image of another size.
        OSError
            Disk full, no permission.
        """
        where = str(self.clicks_path(image_id))
        if faults := clicks_faults(clicks, self.classes, where, self.image_size(image_id)):
            raise DatasetError(faults)
        write_click_files(self.path, image_id, clicks, self.classes, base=base, durable=durable)

    def mend_masks(self, image_ids: Iterable[str]) -> None:
        """Write sparse masks again that lag behind their JSON, as after a crash between the two.

        A mask that another program drew is left as it is, and so is a read-only project.
        """
        for image_id in image_ids:
            if not name_fault(image_id):
                mend_mask(self.path, image_id, self.classes)

    def clicks_stamps(self) -> dict[str, int]:
        """When the clicks of each image with clicks last changed, in nanoseconds.

        The time of the JSON, else of the mask.
        """
        stamps: dict[str, int] = {}
        for folder in (SPARSE_MASKS, CLICKS):
            for image_id, entry in ids_in(self.path / folder, ENDINGS[folder]).items():
                # it may be replaced at this moment, or be a broken link
                with contextlib.suppress(OSError):
                    stamps[image_id] = entry.stat().st_mtime_ns
        return stamps

    def image_stamps(self) -> dict[str, int]:
        """When each image last changed, in nanoseconds."""
        stamps: dict[str, int] = {}
        for path in image_files(self.path / IMAGES):
            with contextlib.suppress(OSError):
                stamps[path.stem] = path.stat().st_mtime_ns
        return stamps

    def read_truth(self, image_id: str) -> LabelMap | None:
        """Dense truth, (H, W) uint8 with 255 = void; None where there is none.

        Raises
        ------
        DatasetError
            A file that is not readable, or whose palette contradicts the classes.
        """
        path = self.truth_path(image_id)
        if not path.exists():
            return None
        labels = read_label_png(path)
        if fault := palette_fault(path, labels, self.classes):
            raise DatasetError(fault)
        return labels

    def read_objects(self, image_id: str) -> npt.NDArray[np.int32] | None:
        """Object numbers, (H, W) int32 with 0 = no object; None where there are none."""
        path = self.objects_path(image_id)
        return read_object_png(path) if path.exists() else None

    def runs(self) -> tuple[str, ...]:
        """Names of the run folders, the newest last."""
        found = [
            (_changed(Path(entry.path, CONFIG_FILE)) or _changed(Path(entry.path)), entry.name)
            for entry in folder_entries(self.runs_path)
            if is_folder(entry)
        ]
        return tuple(name for _, name in sorted(found))


def _composed(name: str) -> str:
    """A name with composed accents: macOS may decompose them in file names."""
    return unicodedata.normalize("NFC", name)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
