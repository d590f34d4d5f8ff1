"""The upper part of the tab Inspect: which overlays are shown, and how."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QSlider,
    QWidget,
)

from seminar_napari.inspect.linked_grid import LinkedGrid
from seminar_napari.inspect.overlay_kinds import CHOICES, TOGGLES, Overlay
from seminar_napari.inspect.overlay_layers import HEAT
from seminar_napari.inspect.overlays import Overlays
from seminar_napari.qt.builders import button, column, row

COLUMNS = 2


class ShowPanel(QWidget):
    """Draws the overlays' state, and passes on what the person wants.

    Attributes
    ----------
    choices, toggles : dict
        The buttons, by overlay.
    """

    def __init__(self, overlays: Overlays, grid: LinkedGrid, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._overlays, self._grid = overlays, grid
        self.choices = {overlay.name: self._choice(overlay) for overlay in CHOICES}
        self.nothing = QRadioButton("nothing")
        self.nothing.setToolTip("The image alone")
        self.nothing.clicked.connect(lambda: overlays.choice.choose(None))
        self.fill = button("Fill", "Colour whole regions", checkable=True)
        self.outline = button("Outline", "Draw only the rims of regions", checkable=True)
        self._look = QButtonGroup(self)
        self._look.addButton(self.fill)
        self._look.addButton(self.outline)
        self.outline.toggled.connect(self._on_outline)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setValue(round(100 * overlays.opacity))
        self.opacity.setToolTip("Opacity of all overlays")
        self.opacity.valueChanged.connect(self._on_opacity)
        self.two_by_two = button(
            "2×2 grid",
            "The image and three overlays side by side, moved and zoomed as one",
            checkable=True,
        )
        self.two_by_two.clicked.connect(self._on_grid)
        self.toggles = {overlay.name: self._toggle(overlay) for overlay in TOGGLES}
        heat_scale = QLabel()
        heat_scale.setPixmap(_heat_bar())
        heat_scale.setToolTip("Heat map from none to full")
        self.setLayout(
            column(
                self._laid_out(),
                row(self.fill, self.outline, QLabel("Opacity"), self.opacity, stretch=3, spacing=6),
                row(*self.toggles.values(), heat_scale, spacing=6),
            )
        )
        self.draw()

    def draw(self) -> None:
        """Bring all buttons up to date."""
        overlays, choice, free = self._overlays, self._overlays.choice, not self._grid.on
        for name, radio in self.choices.items():
            radio.setChecked(choice.chosen == name)
            radio.setEnabled((overlays.has(name) or choice.chosen == name) and free)
        self.nothing.setChecked(choice.chosen is None)
        self.nothing.setEnabled(free)
        with QSignalBlocker(self.outline), QSignalBlocker(self.fill):
            (self.outline if overlays.outline else self.fill).setChecked(True)
        for name, toggle in self.toggles.items():
            toggle.setChecked(choice.is_on(name))
            toggle.setEnabled(free)
        self.two_by_two.setChecked(self._grid.wanted)
        self.two_by_two.setEnabled(self._grid.wanted or bool(self._grid.available()))

    def _choice(self, overlay: Overlay) -> QRadioButton:
        radio = QRadioButton(f"{overlay.title}  {overlay.key}".rstrip())
        held = f"Hold {overlay.key} over the image to see the {overlay.title}"
        radio.setToolTip(overlay.tip or (held if overlay.key else ""))
        radio.clicked.connect(lambda: self._overlays.choice.choose(overlay.name))
        return radio

    def _toggle(self, overlay: Overlay) -> QPushButton:
        made = button(overlay.title.capitalize(), overlay.tip, checkable=True)
        made.clicked.connect(lambda on: self._overlays.choice.toggle(overlay.name, on))
        return made

    def _laid_out(self) -> QGridLayout:
        hint = QLabel("hold a key to flick")
        hint.setEnabled(False)
        grid = QGridLayout()
        grid.setVerticalSpacing(2)
        shown = (*self.choices.values(), self.nothing, hint, self.two_by_two)
        for place, widget in enumerate(shown):
            grid.addWidget(widget, place // COLUMNS, place % COLUMNS)
        grid.setColumnStretch(COLUMNS, 1)
        return grid

    def _on_outline(self, outline: bool) -> None:
        self._overlays.outline = outline

    def _on_opacity(self, percent: int) -> None:
        self._overlays.opacity = percent / 100

    def _on_grid(self, wanted: bool) -> None:
        if wanted:
            self._grid.enter()
        else:
            self._grid.leave()
        self.draw()


def _heat_bar(width: int = 64, height: int = 10) -> QPixmap:
    """The heat map's colours over mid grey, none to full."""
    colours = HEAT.map(np.linspace(0, 1, width))
    mixed = colours[:, :3] * colours[:, 3:] + 0.5 * (1 - colours[:, 3:])
    pixels = np.ascontiguousarray(
        np.broadcast_to((255 * mixed).astype(np.uint8), (height, width, 3))
    )
    image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy())
