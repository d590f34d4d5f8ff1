"""`seminar-napari [PROJECT]`: napari with the dock open."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from seminar.errors import SeminarError


def main(arguments: Sequence[str] | None = None) -> None:
    """Open napari with the Seminar dock and the given folder, until the window is closed."""
    parser = argparse.ArgumentParser(
        prog="seminar-napari", description="napari with the Seminar dock open"
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, help="a project to open, or a folder of images to make one"
    )
    path: Path | None = parser.parse_args(arguments).folder
    if path is not None:
        _check(path)
    import napari

    from seminar_napari.contributions.open_dock import open_dock

    viewer = napari.Viewer(title="Seminar")
    dock = open_dock(viewer)
    if path is not None:
        dock.open_path(path)
    napari.run()


def _check(path: Path) -> None:
    """Report what cannot be opened before any window opens."""
    from seminar.project.project import Project
    from seminar_napari.dock.ways_in import project_of, what_is, why_neither

    try:
        match what_is(path):
            case "project":
                Project.open(project_of(path))
            case "neither":
                raise SeminarError(why_neither(path))
    except SeminarError as error:
        sys.stderr.write(f"seminar-napari: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
