"""A small histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from seminar_napari.qt.builders import wrapped_label

MOST_BINS = 40
COLOUR = "#56b4e9"


class Histogram(QWidget):
    """Bars; a line of text where pyqtgraph is not installed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._plot: Any = None
        try:
            import pyqtgraph
        except ImportError:
            missing = "The histogram needs pyqtgraph: pip install 'seminar-napari[plots]'."
            layout.addWidget(wrapped_label(missing, selectable=True))
            return
        self._plot = pyqtgraph.PlotWidget(enableMenu=False)
        if (menu := self._plot.getPlotItem().ctrlMenu) is not None:
            menu.setParent(self)  # made all the same, and a window of its own
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.getAxis("left").setWidth(34)
        self._plot.setMinimumHeight(60)
        self.bars = pyqtgraph.BarGraphItem(x0=[], x1=[], height=[], brush=COLOUR, pen=None)
        self._plot.addItem(self.bars)
        layout.addWidget(self._plot)

    def clear(self) -> None:
        """Show nothing."""
        self.show_values(np.zeros(0))

    def show_values(self, values: npt.NDArray[np.float64]) -> None:
        """Show how often values occur; what is not finite is left out."""
        if self._plot is None:
            return
        counts, edges = bins(values)
        self.bars.setOpts(x0=edges[:-1], x1=edges[1:], height=counts)
        self._plot.setXRange(edges[0], edges[-1], padding=0.02)
        self._plot.setYRange(0, max(1, int(counts.max(initial=0))), padding=0.02)

    def set_colours(self, foreground: str, background: str) -> None:
        """Take the theme's colours of text and background."""
        if self._plot is None:
            return
        self._plot.setBackground(background)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(foreground)
            axis.setTextPen(foreground)


def bins(
    values: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Counts and edges of at most `MOST_BINS` bins of one width."""
    values = values[np.isfinite(values)]
    if not len(values):
        return np.zeros(1, dtype=np.int64), np.array([0.0, 1.0])
    counts, edges = np.histogram(values, min(MOST_BINS, 5 + int(np.sqrt(len(values)))))
    return counts.astype(np.int64), edges
