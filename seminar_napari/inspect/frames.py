"""The overlays of an image, read from their files off the window's thread."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.inspect.overlay_kinds import OVERLAYS

Stamp = tuple[str, int]
"""Path and mtime of the file that a frame was read from; ("", 0) where there is none."""

NO_FILE: Stamp = ("", 0)


@dataclass(frozen=True)
class Frame:
    """One overlay of an image: (H, W) uint8, or None where nothing was written yet."""

    data: npt.NDArray[np.uint8] | None
    stamp: Stamp


@dataclass(frozen=True)
class Frames:
    """The frames of an image that changed since they were last read, by overlay."""

    source: FrameSource
    frames: Mapping[str, Frame]


@dataclass(frozen=True)
class FrameSource:
    """Where the frames of an image are found."""

    project: Project
    run: RunFolder | None
    image_id: str

    def read(self, names: Collection[str], known: Mapping[str, Stamp]) -> Frames:
        """Read the overlays in `names` whose file is not the one in `known`."""
        frames: dict[str, Frame] = {}
        size = self.project.image_size(self.image_id)
        for name in names:
            overlay = OVERLAYS[name]
            stamp = newest(*overlay.files(self.project, self.run, self.image_id))
            if stamp == known.get(name):
                continue
            data = overlay.read(Path(stamp[0])) if stamp != NO_FILE else None
            if data is not None and data.shape != size:  # of an image that was replaced since
                data = None
            frames[name] = Frame(data, stamp)
        return Frames(self, frames)


def newest(*paths: Path) -> Stamp:
    """The file that was written last, the first of equals; `NO_FILE` where none exists."""
    latest = NO_FILE
    for path in paths:
        with suppress(FileNotFoundError):
            when = path.stat().st_mtime_ns
            if latest == NO_FILE or when > latest[1]:
                latest = (str(path), when)
    return latest
