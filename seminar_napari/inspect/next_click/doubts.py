"""The pictures of doubt: where networks disagree, and where the live mask is unsure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from seminar.labels import IGNORE_INDEX
from seminar.project.layout import PREVIEWS, PROBE, UNSURE, UNSURE_FROM, preview_path
from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.inspect.frames import newest
from seminar_napari.inspect.overlay_kinds import (
    DISAGREEMENT,
    LIVE,
    OVERLAYS,
    STUDENT,
    TRUTH,
    prediction_path,
    read_preview,
)

DISAGREE = 64
"""Pixels of at least this disagreement, on 0..255, are looked at: a quarter of the probability lies
on other classes.
"""

Kind = Literal["unsure", "networks", "student and live mask"]
"""What a picture shows: where the live mask is unsure, or who disagrees."""

Picture = npt.NDArray[np.uint8]
Stamps = tuple[int, int]
"""When the files of an image changed last, in ns: those of the run, those of the live mask."""


@dataclass(frozen=True)
class Doubts:
    """The pictures of doubt of a project.

    Attributes
    ----------
    project : Project
    run : RunFolder or None
        The followed run; as long as it has no previews or predictions, the live mask counts.
    has_live_mask : bool
    """

    project: Project
    run: RunFolder | None
    has_live_mask: bool

    def stamps(self) -> dict[str, Stamps]:
        """When the pictures of each image that has any changed last."""
        live = _mtimes(self.project.path / PREVIEWS, "") if self.has_live_mask else {}
        of_run = _run_stamps(self.run, live) if self.run is not None else {}
        if of_run:
            return {image_id: (stamp, live.get(image_id, 0)) for image_id, stamp in of_run.items()}
        return {image_id: (0, stamp) for image_id, stamp in live.items()}

    def pictures(self, image_id: str, stamps: Stamps) -> Iterator[tuple[Kind, Picture, int]]:
        """What is in doubt in an image, and the least value that counts."""
        if not stamps[0]:
            unsure = read_preview(preview_path(self.project.path, image_id, UNSURE))
            if unsure is not None:
                yield "unsure", unsure, UNSURE_FROM
        elif self.run is not None:
            disagreement = self._between_networks(self.run, image_id)
            if disagreement is not None:
                yield "networks", disagreement, DISAGREE
            student = newest(*OVERLAYS[STUDENT].files(self.project, self.run, image_id))[0]
            if stamps[1] and student:
                probe = preview_path(self.project.path, image_id, PROBE)
                differ = _difference([Path(student), probe])
                if differ is not None:
                    yield "student and live mask", differ, DISAGREE

    def _between_networks(self, run: RunFolder, image_id: str) -> Picture | None:
        """As the trainer wrote it, else where two label maps differ; None with fewer than two.

        Masks that were predicted since, compared with the pseudo-labels, show more than an early
        preview.
        """
        written = OVERLAYS[DISAGREEMENT].files(self.project, run, image_id)
        predicted, labelled = prediction_path(run, image_id), run.pseudo_label_path(image_id)
        if newest(*written, predicted)[0] == str(predicted) and labelled.exists():
            return _difference([predicted, labelled])
        if (values := read_preview(written[0])) is not None:
            return values
        files = [
            overlay.files(self.project, run, image_id)
            for overlay in OVERLAYS.values()
            if overlay.name not in (TRUTH, *LIVE) and overlay.drawing != "heat"
        ]
        previews_first = chain(*zip_longest(*files))
        return _difference([path for path in previews_first if path is not None])


def _difference(paths: list[Path]) -> Picture | None:
    """255 where the first two of these label maps that can be read differ."""
    maps = [labels for path in paths if (labels := read_preview(path)) is not None]
    maps = [labels for labels in maps if labels.shape == maps[0].shape]
    if len(maps) < 2:
        return None
    differ = (maps[0] != maps[1]) & (maps[0] != IGNORE_INDEX) & (maps[1] != IGNORE_INDEX)
    return np.where(differ, np.uint8(255), np.uint8(0))


def _run_stamps(run: RunFolder, live: dict[str, int]) -> dict[str, int]:
    """When the files of each image that the run says something about changed last.

    A preview's folder changes whenever a file in it is replaced.
    """
    predicted = _mtimes(prediction_path(run, "x").parent, ".png")
    labelled = _mtimes(run.pseudo_labels_path, ".png")
    stamps = _mtimes(run.previews_path, "")
    for image_id in predicted.keys() & (labelled.keys() | live.keys()):
        stamps[image_id] = max(
            predicted[image_id], labelled.get(image_id, 0), stamps.get(image_id, 0)
        )
    return stamps


def _mtimes(folder: Path, ending: str) -> dict[str, int]:
    """mtime of each entry of a folder, in ns, by its name without `ending`."""
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name.removesuffix(ending): entry.stat().st_mtime_ns
                for entry in entries
                if entry.name.endswith(ending)
            }
    except FileNotFoundError:
        return {}
