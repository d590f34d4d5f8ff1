"""The weights files that a person has chosen, remembered for each network."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import platformdirs

from seminar.io.files import write_text


def remembered_weights(backbone: str) -> str:
    """The file that was last chosen for this network; empty without one, or where it is gone."""
    path = _read().get(backbone, "")
    return path if path and Path(path).is_file() else ""


def remember_weights(backbone: str, weights: str) -> None:
    """Remember this file; a name such as "imagenet" forgets the one before."""
    kept = _read()
    kept.pop(backbone, None)
    if Path(weights).is_file():
        kept[backbone] = str(Path(weights).absolute())
    with suppress(OSError):  # a convenience, not worth a message
        write_text(_file(), json.dumps(kept, indent=1) + "\n")


def _read() -> dict[str, str]:
    with suppress(OSError, ValueError):
        kept = json.loads(_file().read_text(encoding="utf-8"))
        if isinstance(kept, dict):
            return {str(backbone): str(path) for backbone, path in kept.items()}
    return {}


def _file() -> Path:
    return platformdirs.user_state_path("seminar-napari", appauthor=False) / "weights.json"
