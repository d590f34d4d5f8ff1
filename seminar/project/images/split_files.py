"""The files that say which images are trained on and which are for scoring."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from seminar.errors import DatasetError
from seminar.io.files import locked, write_text
from seminar.io.names import names_of
from seminar.project.layout import IMAGES, SPLITS, TRAIN, VAL, image_files, read_split


def train_on(project: Path, image_ids: Collection[str], split: str = TRAIN) -> frozenset[str]:
    """Add images to a split and remove them from the validation split.

    Returns
    -------
    frozenset of str
        Those that were in the validation split.

    Raises
    ------
    DatasetError, OSError
        A file is damaged or cannot be written.
    """
    with locked(project):
        scored = frozenset() if split == VAL else _drop(project, image_ids, VAL)
        _add(project, image_ids, split)
    return scored


def hold_out(project: Path, image_ids: Collection[str], split: str = TRAIN) -> None:
    """Move images from a split to the validation split.

    Without a file of the split, all images were trained on; then one of the others is written.

    Raises
    ------
    DatasetError
        No image would be left to train on, or a file is damaged.
    OSError
        A file cannot be written.
    """
    with locked(project):
        before = _lines(project, split)
        if before is None:
            before = sorted({path.stem for path in image_files(project / IMAGES)})
        kept = [image_id for image_id in before if image_id not in image_ids]
        if not kept:
            raise DatasetError(
                f"{names_of(sorted(image_ids))}: without them no image would be left to train on; "
                "hold out fewer"
            )
        _add(project, image_ids, VAL)
        _write(project, split, kept)


def drop_from_splits(project: Path, image_ids: Collection[str]) -> None:
    """Remove images from all splits, as they leave the project; the lock must be held."""
    for path in sorted((project / SPLITS).glob("*.txt")):
        _drop(project, image_ids, path.stem)


def join_split(project: Path, image_ids: Collection[str], split: str = TRAIN) -> None:
    """Have new images trained on: where the split has a file, it must name them.

    The lock must be held.
    """
    if _lines(project, split):
        _add(project, image_ids, split)


def _add(project: Path, image_ids: Collection[str], split: str) -> None:
    lines = _lines(project, split) or []
    if new := [image_id for image_id in image_ids if image_id not in lines]:
        _write(project, split, [*lines, *new])


def _drop(project: Path, image_ids: Collection[str], split: str) -> frozenset[str]:
    lines = _lines(project, split) or []
    if dropped := frozenset(image_ids) & frozenset(lines):
        _write(project, split, [line for line in lines if line not in dropped])
    return dropped


def _lines(project: Path, split: str) -> list[str] | None:
    found = read_split(_file(project, split))
    return [line for _, line in found] if found is not None else None


def _write(project: Path, split: str, lines: Collection[str]) -> None:
    """Write a split; an empty one would be a fault, so its file goes."""
    if lines:
        write_text(_file(project, split), "".join(f"{line}\n" for line in lines))
    else:
        _file(project, split).unlink(missing_ok=True)


def _file(project: Path, split: str) -> Path:
    return project / SPLITS / f"{split}.txt"
