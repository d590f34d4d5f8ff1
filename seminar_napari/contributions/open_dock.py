"""The ways into the dock that begin outside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari

from seminar.errors import SeminarError
from seminar_napari.dock.reader_rules import PLUGIN

if TYPE_CHECKING:
    from seminar_napari.dock.widget import SeminarDock


def open_dock(viewer: Any = None) -> SeminarDock:
    """The Seminar dock of a napari window (the current one), opened where it is not open yet."""
    viewer = viewer or napari.current_viewer()
    if viewer is None:
        raise SeminarError("no napari window is open; start `seminar-napari`")
    dock_widget, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Seminar")
    dock_widget.show()
    dock_widget.raise_()
    seminar_dock: SeminarDock = dock
    return seminar_dock
