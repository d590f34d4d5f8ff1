"""Clicks to disk: the JSON first, then the sparse mask that is made from it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from seminar.clicks.click_set import ClickSet, merged
from seminar.errors import DatasetError
from seminar.io.files import locked, write_bytes
from seminar.labels import ClassNames
from seminar.project.layout import CLASSES, CLICKS, SPARSE_MASKS, file_of
from seminar.project.sparse_mask import can_be_mask, mask_state, write_sparse_mask


def write_click_files(
    project: Path,
    image_id: str,
    clicks: ClickSet,
    classes: ClassNames,
    *,
    base: ClickSet | None,
    durable: bool,
) -> None:
    """Write the JSON and the mask of an image; see `seminar.project.project.Project.write_clicks`.

    The project is locked meanwhile, so that no other writer comes in between.
    """
    path, mask_path = (file_of(project, folder, image_id) for folder in (CLICKS, SPARSE_MASKS))
    with locked(project):
        if base is not None:
            # a missing or damaged file is replaced
            with contextlib.suppress(FileNotFoundError, DatasetError):
                clicks = merged(base, clicks, ClickSet.from_json(path.read_bytes()))
        text = clicks.to_json().encode()
        write_bytes(path, text, durable=durable)
        write_sparse_mask(mask_path, clicks, classes, text)


def mend_mask(project: Path, image_id: str, classes: ClassNames) -> None:
    """Write the mask of an image again where it lags behind the JSON, as after a crash.

    Left as they are: a mask that another program drew, an image without or with unreadable clicks,
    and a project that is read-only.
    """
    path, mask_path = (file_of(project, folder, image_id) for folder in (CLICKS, SPARSE_MASKS))
    if not _lagging_text(path, mask_path):
        return
    with contextlib.suppress(OSError), locked(project):
        # read again: another writer may have come in between
        if text := _lagging_text(path, mask_path):
            write_sparse_mask(mask_path, ClickSet.from_json(text), classes, text)


def _lagging_text(path: Path, mask_path: Path) -> bytes:
    """The JSON that the mask lags behind; empty where there is none, or the mask does not lag."""
    try:
        text = path.read_bytes()
        clicks = ClickSet.from_json(text)
    except (OSError, DatasetError):
        return b""
    lags = can_be_mask(clicks) and mask_state(mask_path, clicks, text) == "lagging"
    return text if lags else b""


def clicks_faults(
    clicks: ClickSet, classes: ClassNames, where: str, size: tuple[int, int], hint: str = ""
) -> tuple[str, ...]:
    """What is wrong with the class ids and the size of clicks, given the image's (height, width).

    Clicks outside the image are not reported. `hint` says why the image has another size.
    """
    faults = [
        f"{where}, click {number}: class_id {class_id} is not in 0..{classes.num_classes - 1}; fix "
        f"the click or add the class to {CLASSES}"
        for number, class_id in enumerate(clicks.class_ids.tolist(), start=1)
        if not 0 <= class_id < classes.num_classes
    ]
    if (clicks.height, clicks.width) != size:
        faults.append(
            f"{where}: clicks of an image of {clicks.height} x {clicks.width} pixels (height x "
            f"width), but the image has {size[0]} x {size[1]}{hint}; restore the image, or delete "
            "the file and click again"
        )
    return tuple(faults)
