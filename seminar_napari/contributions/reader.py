"""npe2 reader: opens project folders in the dock, and sparse masks as points layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.io.label_png import read_label_png
from seminar.labels import MAX_CLASSES, ClassNames, voc_colour
from seminar.project.layout import CLASSES, is_project
from seminar_napari.contributions.open_dock import open_dock
from seminar_napari.layers.clicks import layer_data

LayerData = tuple[Any, ...]
Read = Callable[[str | Sequence[str]], list[LayerData]]
NOTHING_TO_ADD: list[LayerData] = [(None,)]  # in npe2: done, no layer


def get_reader(path: str | Sequence[str]) -> Read | None:
    """A reader for one project folder or one indexed PNG; None for anything else."""
    if not isinstance(path, str) and len(path) != 1:
        return None
    file = _only(path)
    if file.is_dir():
        return _open_project if is_project(file) else None
    return _read_mask if _is_indexed_png(file) else None


def _only(path: str | Sequence[str]) -> Path:
    return Path(path if isinstance(path, str) else path[0])


def _open_project(path: str | Sequence[str]) -> list[LayerData]:
    open_dock().open_project(_only(path))
    return NOTHING_TO_ADD


def _read_mask(path: str | Sequence[str]) -> list[LayerData]:
    file = _only(path)
    return [layer_data(ClickSet.from_mask(read_label_png(file)), _classes_for(file), file.stem)]


def _classes_for(file: Path) -> ClassNames:
    """The classes of the mask's project; else names and colours by number."""
    listed = file.resolve().parent.parent / CLASSES
    if listed.is_file():
        try:
            return ClassNames.parse(listed.read_text(encoding="utf-8-sig"), str(listed))
        except (SeminarError, UnicodeDecodeError):
            pass  # the mask can be shown without them
    ids = range(MAX_CLASSES)
    return ClassNames(
        tuple(f"class {number}" for number in ids), tuple(voc_colour(number) for number in ids)
    )


def _is_indexed_png(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            return image.format == "PNG" and image.mode in ("P", "L")
    except OSError:
        return False
