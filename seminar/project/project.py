"""One project folder: reading and writing."""

from __future__ import annotations

import contextlib
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seminar.clicks.click_set import ClickSet, merged
from seminar.errors import DatasetError
from seminar.io.files import locked, write_bytes
from seminar.io.images import EXTENSIONS, ImageArray, explained, image_size, read_image
from seminar.io.label_png import read_label_png, read_object_png
from seminar.io.names import name_fault, shown
from seminar.labels import ClassNames, LabelMap
from seminar.project.create import create_project
from seminar.project.layout import (
    CLASSES,
    CLICKS,
    IMAGES,
    OBJECTS,
    RUNS,
    SPARSE_MASKS,
    SPLITS,
    TRUTH,
    folder_entries,
    ids_in,
    image_files,
    is_folder,
    read_split,
)
from seminar.project.sparse_mask import can_be_mask, mask_state, write_sparse_mask


@dataclass(frozen=True)
class Project:
    """A project folder, opened; nothing is kept in memory but its place and its classes.

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
                [f"{path}: no such folder; check the name, or make a project with `seminar new`"]
            )
        faults = []
        if not (path / IMAGES).is_dir():
            faults.append(
                f"{path / IMAGES}: missing, so this is no project; make one with `seminar new`, or"
                " put the images there"
            )
        if not (path / CLASSES).is_file():
            faults.append(
                f"{path / CLASSES}: missing; write the classes' names into it, one a line, the"
                " background first"
            )
        if faults:
            raise DatasetError(faults)
        try:
            text = (path / CLASSES).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise DatasetError([f"{path / CLASSES}: not UTF-8 text; save it as UTF-8"]) from None
        except OSError as error:
            raise DatasetError(
                [f"{path / CLASSES}: {error.strerror or error}; put a readable file there"]
            ) from None
        return cls(path, ClassNames.parse(text, str(path / CLASSES)))

    @classmethod
    def create(cls, path: Path | str, images: Sequence[Path | str], classes: ClassNames) -> Project:
        """Make a project in a new or empty folder from copies of images; see
        `seminar.project.create.create_project`.
        """
        create_project(Path(path), images, classes)
        return cls(Path(path), classes)

    def image_ids(self) -> tuple[str, ...]:
        """Ids of all images, sorted: the names of the files in JPEGImages without their endings."""
        return tuple(sorted({path.stem for path in image_files(self.path / IMAGES)}))

    def split(self, name: str) -> tuple[str, ...] | None:
        """Ids in ImageSets/Segmentation/<name>.txt in its order, each once; None where the file is
        missing.

        Raises
        ------
        DatasetError
            A line that cannot be an image id, or that names no image of the project.
        """
        if fault := name_fault(name):
            raise DatasetError(
                [f"split '{shown(name)}' cannot be a file name: {fault}; use another name"]
            )
        path = self.path / SPLITS / f"{name}.txt"
        lines = read_split(path)
        if lines is None:
            return None
        known = {_composed(image_id): image_id for image_id in self.image_ids()}
        faults = []
        found = []
        for number, line in lines:
            if fault := name_fault(line):
                faults.append(
                    f"{path}, line {number}: '{shown(line)}' cannot be an image id: {fault};"
                    " correct or delete the line"
                )
            elif (image_id := known.get(_composed(line))) is None:
                faults.append(
                    f"{path}, line {number}: no image {shown(line)} in {IMAGES}; add the image or"
                    " delete the line"
                )
            else:
                found.append(image_id)
        if faults:
            raise DatasetError(faults)
        return tuple(dict.fromkeys(found))

    def image_path(self, image_id: str) -> Path:
        """The file of an image.

        Raises
        ------
        DatasetError
            No such image, or an id that cannot be a file name.
        """
        folder = self.path / IMAGES
        for ending in EXTENSIONS:
            if (path := self._file(IMAGES, image_id, ending)).exists():
                return path
        for path in image_files(folder):  # endings in capitals
            if path.stem == image_id:
                return path
        raise DatasetError(
            [f"{folder / shown(image_id)}: no such image; add it, or leave it out of the split"]
        )

    def read_image(self, image_id: str) -> ImageArray:
        """(H, W, C) in its own depth, see `seminar.io.images.read_image`."""
        return read_image(self.image_path(image_id))

    def image_size(self, image_id: str) -> tuple[int, int]:
        """(height, width) from the file's header."""
        return image_size(self.image_path(image_id))

    def clicks_path(self, image_id: str) -> Path:
        """Clicks/<image_id>.json, there or not."""
        return self._file(CLICKS, image_id, ".json")

    def sparse_mask_path(self, image_id: str) -> Path:
        """SegmentationClick/<image_id>.png, there or not."""
        return self._file(SPARSE_MASKS, image_id, ".png")

    def truth_path(self, image_id: str) -> Path:
        """SegmentationClass/<image_id>.png, there or not."""
        return self._file(TRUTH, image_id, ".png")

    def objects_path(self, image_id: str) -> Path:
        """SegmentationObject/<image_id>.png, there or not."""
        return self._file(OBJECTS, image_id, ".png")

    def read_clicks(self, image_id: str) -> ClickSet | None:
        """Clicks of an image: from the JSON, else every labelled pixel of the sparse mask; None
        where there is neither.

        A mask that lags behind the JSON (a crash between the two) is written anew where the folder
        allows it; one that another program drew stays, without counting: `seminar check` tells.

        Raises
        ------
        DatasetError
            A file that is not readable, see `ClickSet.from_json` and `read_label_png`.
        """
        path = self.clicks_path(image_id)
        mask_path = self.sparse_mask_path(image_id)
        with explained(path):
            text = path.read_bytes() if os.path.lexists(path) else None
        if text is None:
            return ClickSet.from_mask(read_label_png(mask_path)) if mask_path.exists() else None
        clicks = ClickSet.from_json(text, str(path))
        if can_be_mask(clicks) and mask_state(mask_path, clicks, text) == "lagging":
            with (
                contextlib.suppress(OSError),
                locked(self.path),
            ):  # a read-only project is read all the same
                if (
                    path.read_bytes() == text
                ):  # else a writer came in between, who writes the mask, too
                    write_sparse_mask(mask_path, clicks, self.classes, text)
        return clicks

    def write_clicks(
        self, image_id: str, clicks: ClickSet, *, base: ClickSet | None = None, durable: bool = True
    ) -> None:
        """Write the JSON and then its sparse mask, each whole or not at all.

        Parameters
        ----------
        base : ClickSet or None
            What `clicks` was made from. Where the file says something else by now, because another
            window or program wrote it, what was changed there is kept, too
            (`seminar.clicks.click_set.merged`). None replaces whatever is there.
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
        path = self.clicks_path(image_id)
        if faults := clicks_faults(clicks, self.classes, str(path), self.image_size(image_id)):
            raise DatasetError(faults)
        with locked(self.path):
            if base is not None:
                with contextlib.suppress(
                    FileNotFoundError, DatasetError
                ):  # what is gone or damaged is replaced
                    clicks = merged(base, clicks, ClickSet.from_json(path.read_bytes()))
            text = clicks.to_json().encode()
            write_bytes(path, text, durable=durable)
            write_sparse_mask(self.sparse_mask_path(image_id), clicks, self.classes, text)

    def clicks_stamps(self) -> dict[str, int]:
        """For each image with clicks the time of their last change in nanoseconds: the JSON's,
        else the mask's.
        """
        stamps: dict[str, int] = {}
        for folder, ending in ((SPARSE_MASKS, ".png"), (CLICKS, ".json")):
            for image_id, entry in ids_in(self.path / folder, ending).items():
                with contextlib.suppress(
                    OSError
                ):  # replaced while we look, or a link that leads nowhere
                    stamps[image_id] = entry.stat().st_mtime_ns
        return stamps

    def read_truth(self, image_id: str) -> LabelMap | None:
        """Dense truth, (H, W) uint8 with 255 = void; None where there is none."""
        path = self.truth_path(image_id)
        return read_label_png(path) if path.exists() else None

    def read_objects(self, image_id: str) -> npt.NDArray[np.int32] | None:
        """Object numbers, (H, W) int32 with 0 = no object; None where there are none."""
        path = self.objects_path(image_id)
        return read_object_png(path) if path.exists() else None

    def runs(self) -> tuple[str, ...]:
        """Names of the run folders, the newest last."""
        found = []
        for entry in folder_entries(self.path / RUNS):
            if is_folder(entry):
                found.append(
                    (
                        _changed(Path(entry.path, "config.toml")) or _changed(Path(entry.path)),
                        entry.name,
                    )
                )
        return tuple(name for _, name in sorted(found))

    def _file(self, folder: str, image_id: str, ending: str) -> Path:
        if fault := name_fault(image_id):
            raise DatasetError(
                [
                    f"{self.path}: '{shown(image_id)}' cannot be an image id: {fault}; give the"
                    " image another name"
                ]
            )
        return self.path / folder / f"{image_id}{ending}"


def clicks_faults(
    clicks: ClickSet, classes: ClassNames, where: str, size: tuple[int, int]
) -> tuple[str, ...]:
    """What is wrong with the clicks of one image of `size` (height, width): their class ids and
    the size; not their places.
    """
    faults = [
        f"{where}, click {number}: class_id {class_id} is not in 0..{classes.num_classes - 1}; fix"
        f" the click or add the class to {CLASSES}"
        for number, class_id in enumerate(clicks.class_ids.tolist(), start=1)
        if not 0 <= class_id < classes.num_classes
    ]
    if (clicks.height, clicks.width) != size:
        faults.append(
            f"{where}: clicks of an image of {clicks.height} x {clicks.width} pixels (height x"
            f" width), but the image has {size[0]} x {size[1]}; restore the image, or delete the"
            " file and click again"
        )
    return tuple(faults)


def _composed(name: str) -> str:
    """macOS may spell file names with decomposed accents; the split file need not."""
    return unicodedata.normalize("NFC", name)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
