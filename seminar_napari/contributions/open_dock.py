"""Opens the dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari

from seminar.errors import SeminarError
from seminar_napari.dock.reader_rules import PLUGIN

if TYPE_CHECKING:
    from seminar_napari.dock.widget import SeminarDock


def open_dock(viewer: Any = None) -> SeminarDock:
    """The Seminar dock of a napari window, by default the current one; opened if need be."""
    viewer = viewer or napari.current_viewer()
    if viewer is None:
        raise SeminarError("no napari window is open; start `seminar-napari`")
    dock_widget, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Seminar")
    dock_widget.show()
    dock_widget.raise_()
    seminar_dock: SeminarDock = dock
    return seminar_dock
