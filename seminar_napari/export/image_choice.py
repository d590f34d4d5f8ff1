"""Which images are predicted: all of the project, or others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QToolButton, QWidget
from superqt import QElidingLabel

from seminar.errors import SeminarError
from seminar.inference.outputs import find_images
from seminar.io.images import EXTENSIONS
from seminar.project.layout import PREDICTIONS
from seminar_napari.qt.builders import button, row

MOST_FILES = 500
"""So many single files fit into a command on every system."""


class ImageChoice(QWidget):
    """Says which images are predicted, and lets others be chosen.

    Attributes
    ----------
    sources : tuple of Path
        The chosen files and folders; empty for all images of the project.
    images : tuple of Path
        The images that these are.
    changed : Signal
        Others were chosen.
    refused : Signal
        They cannot be: why, in one sentence.
    """

    changed = Signal()
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sources: tuple[Path, ...] = ()
        self.images: tuple[Path, ...] = ()
        self.label = QElidingLabel()
        self.label.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.files = button("Files…", "Predict images that are not in the project", self._ask_files)
        self.folder = button("Folder…", "Predict all images in a folder", self._ask_folder)
        self.back = QToolButton()
        self.back.setText("✕")
        self.back.setToolTip("All images of the project again")
        self.back.clicked.connect(lambda: self.choose(()))
        self.setLayout(row(self.label, self.back, self.files, self.folder, stretch=0))
        self.draw(0)

    def choose(self, paths: Sequence[Path]) -> None:
        """Predict these files, or the images in these folders; none for those of the project."""
        try:
            images = find_images([str(path) for path in paths]) if paths else ()
            if len(paths) > MOST_FILES:
                raise SeminarError(
                    f"{len(paths):,} files are more than the {MOST_FILES} that can be named one by "
                    "one; put them into a folder and choose that"
                )
        except (SeminarError, OSError) as error:
            self.refused.emit(str(error))
            return
        self.sources, self.images = tuple(paths), images
        self.changed.emit()

    def draw(self, number: int) -> None:
        """Show the choice, where the project has `number` images."""
        if self.sources:
            number, one = len(self.images), self.sources[0]
            text = f"{_counted(number)} in {one.name if one.is_dir() else one.parent.name}"
        else:
            text = f"{_counted(number)} of the project"
        self.label.setText(text)
        self.label.setToolTip("\n".join(str(path) for path in self.sources[:20]))
        self.back.setVisible(bool(self.sources))

    def suggested_folder(self) -> Path:
        """Where masks of other images go: next to their folder, or into the home folder."""
        first = self.sources[0].absolute()
        images = first if first.is_dir() else first.parent
        parent = images.parent if os.access(images.parent, os.W_OK) else Path.home()
        return parent / f"{images.stem or 'images'}-{PREDICTIONS}"

    def _ask_files(self) -> None:
        patterns = " ".join(f"*{ending} *{ending.upper()}" for ending in EXTENSIONS)
        names, _ = QFileDialog.getOpenFileNames(
            self, "Images to predict", "", f"Images ({patterns});;All files (*)"
        )
        if names:
            self.choose([Path(name) for name in names])

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder of images to predict")
        if name:
            self.choose([Path(name)])


def _counted(number: int) -> str:
    return f"{number:,} image{'s' * (number != 1)}"
