"""The dock while no project is open."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QWidget

from seminar_napari.qt.builders import button, column

BUTTON_HEIGHT = 32


class EmptyPage(QWidget):
    """Three ways to begin."""

    def __init__(
        self,
        open_: Callable[[], None],
        new: Callable[[], None],
        sample: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        title = QLabel("Train a segmentation network from a few clicks")
        title.setWordWrap(True)
        title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        title.setFont(font)
        self.open_button = button(
            "Open folder…",
            "A folder of images becomes a project, which is copied; a project goes on where it was",
            open_,
        )
        self.new_button = button(
            "New from open layers…", "Make a project of the images that are open in napari", new
        )
        self.sample_button = button(
            "Try the sample", "Nine small pictures with a few clicks, to play with", sample
        )
        hint = QLabel("Drop a folder of images here, or")
        hint.setWordWrap(True)
        hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        buttons = (self.open_button, self.new_button, self.sample_button)
        for made in buttons:
            made.setMinimumHeight(BUTTON_HEIGHT)
        layout = column(title, hint, *buttons, spacing=10, margin=24)
        layout.insertStretch(0, 1)
        layout.insertSpacing(2, 12)
        layout.addStretch(2)
        self.setLayout(layout)
