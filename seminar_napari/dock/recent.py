"""The recent projects."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import platformdirs

from seminar.io.files import write_text
from seminar.project.layout import is_project

KEPT = 8


def recent_projects() -> tuple[Path, ...]:
    """Folders of recent projects that still exist, newest first."""
    try:
        lines = _file().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(path for path in map(Path, lines) if is_project(path))[:KEPT]


def remember_project(path: Path) -> None:
    """Put this project first."""
    path = path.resolve()
    paths = [path, *(other for other in recent_projects() if other != path)]
    with suppress(OSError):  # a convenience, not worth a message
        write_text(_file(), "\n".join(map(str, paths[:KEPT])) + "\n")


def _file() -> Path:
    return platformdirs.user_state_path("seminar-napari", appauthor=False) / "recent.txt"
