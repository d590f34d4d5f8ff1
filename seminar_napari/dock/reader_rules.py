"""Rules in napari's settings that choose a reader for PNG files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import platformdirs
from napari.plugins._npe2 import get_readers
from napari.settings import get_settings

from seminar.project.layout import SPARSE_MASKS

PLUGIN = "seminar-napari"
"""Our name among napari's plugins: that of the distribution."""


def prefer_readers() -> None:
    """Have napari open sparse masks with this plugin, and other PNG files as before.

    napari matches a plugin's pattern with the file name alone, so ours is every PNG, and napari
    would ask for each. The rules are written once: the user's own rules are kept, and napari still
    asks where other plugins read PNG files.
    """
    marker = _written()
    if marker.exists():
        return
    rules = {f"*/{SPARSE_MASKS}/*.png": PLUGIN}
    if get_readers("any.png").keys() <= {PLUGIN, "napari"}:
        rules["*.png"] = "napari"
    plugins = get_settings().plugins
    plugins.extension2reader = rules | plugins.extension2reader
    with suppress(OSError):
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()


def _written() -> Path:
    return platformdirs.user_data_path("seminar-napari", appauthor=False) / "reader_rules_written"
