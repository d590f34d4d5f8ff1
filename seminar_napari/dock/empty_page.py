"""What the dock shows while no project is open."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget


class EmptyPage(QWidget):
    """Three ways to begin."""

    def __init__(
        self,
        new: Callable[[], None],
        open_: Callable[[], None],
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
        self.new_button = _button(
            "New from open layers…", "Make a project of the images that are open in napari", new
        )
        self.open_button = _button(
            "Open folder…", "Open a project folder; dropping it here does the same", open_
        )
        self.sample_button = _button(
            "Try the sample",
            "Nine small pictures with a few clicks, made to be played with",
            sample,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(10)
        layout.addStretch(1)
        layout.addWidget(title)
        layout.addSpacing(12)
        for button in (self.new_button, self.open_button, self.sample_button):
            layout.addWidget(button)
        layout.addStretch(2)


def _button(text: str, tip: str, action: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setMinimumHeight(32)
    button.clicked.connect(lambda: action())
    return button
