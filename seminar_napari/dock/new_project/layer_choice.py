"""The images of a new project: open layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QListWidget, QListWidgetItem, QWidget

from seminar.labels import ClassNames
from seminar_napari.dock.new_project.from_layers import create_from_layers, number_of_images
from seminar_napari.qt.builders import column

Progress = Callable[[int, int], object]
"""Called with (images done, all images)."""


class LayerChoice(QWidget):
    """Ticks open image layers.

    Attributes
    ----------
    is_ready : bool
        Always: there is nothing to wait for.
    title : str
    """

    changed = Signal()
    is_ready = True
    title = "New project"

    def __init__(self, layers: Sequence[Image]) -> None:
        super().__init__()
        self._layers = list(layers)
        self.list = QListWidget()
        for layer in self._layers:
            images = number_of_images(layer)
            note = f"   ({images} planes become {images} images)" if images != 1 else ""
            item = QListWidgetItem(layer.name + note)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if layer.visible else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.setMaximumHeight(120)
        self.setLayout(column(QLabel("Images"), self.list))

    def chosen(self) -> list[Image]:
        """The checked layers."""
        items = [self.list.item(row) for row in range(self.list.count())]
        ticked = [item is not None and item.checkState() == Qt.CheckState.Checked for item in items]
        return [layer for layer, wanted in zip(self._layers, ticked, strict=True) if wanted]

    def source(self) -> Image | None:
        """The layer whose place in the viewer the project's images take."""
        return next(iter(self.chosen()), None)

    def maker(self, path: Path, classes: ClassNames) -> Callable[[Progress], object]:
        """What makes the project; see `create_from_layers`."""
        layers = self.chosen()
        return lambda progress: create_from_layers(path, layers, classes, progress=progress)
