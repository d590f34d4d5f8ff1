"""Live curves of a run: every loss term, mean IoU, and marks where the stage changed and clicks
were taken up.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from seminar.run.events import Event
from seminar_napari.train.curve_history import History, Track

REDRAW_MILLISECONDS = 500

COLOURS = {
    "pce": "#56b4e9",
    "full": "#56b4e9",
    "crf": "#e69f00",
    "pcons": "#2bb58b",
    "pseudo": "#cc79a7",
    "total": None,
}
"""Okabe and Ito's colours, told apart by colour-blind eyes and visible on both themes; the total
takes the theme's text colour.
"""
OTHERS = ("#d55e00", "#b5a900", "#9a86d6")
IOU_COLOURS = {"student": "#56b4e9", "teacher": "#e69f00"}
CLICKS_COLOUR = "#d55e00"
LOSS_HEIGHT, SCORE_HEIGHT = 190, 110
NAMES = {
    "pce": "clicks",
    "crf": "CRF",
    "pcons": "consistency",
    "pseudo": "pseudo-labels",
    "full": "masks",
    "total": "total",
}


class Legend(QWidget):
    """A small button for each curve, in its colour; pressing it hides the curve, or shows it
    again.
    """

    COLUMNS = 3

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(44, 0, 0, 0)
        self._grid.setSpacing(2)
        self._grid.setColumnStretch(self.COLUMNS, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.buttons: dict[str, QToolButton] = {}
        self._plain: list[QToolButton] = []
        self._foreground = "#f0f1f2"

    def add(self, key: str, colour: str | None, show: Callable[[bool], object]) -> None:
        """Add a curve; without a colour it takes the theme's text colour."""
        text = NAMES.get(key, key)
        button = QToolButton()
        button.setCheckable(True)
        button.setChecked(True)
        button.setText(f"━ {text}")
        button.setToolTip("Hide or show this curve")
        button.toggled.connect(show)
        button.toggled.connect(lambda on: button.setText(f"{'━' if on else '╌'} {text}"))
        if colour is None:
            self._plain.append(button)
        self._paint(button, colour or self._foreground)
        self.buttons[key] = button
        known = [name for name in NAMES if name in self.buttons]
        for place, name in enumerate(
            [*known, *(name for name in self.buttons if name not in NAMES)]
        ):
            self._grid.addWidget(
                self.buttons[name],
                place // self.COLUMNS,
                place % self.COLUMNS,
                Qt.AlignmentFlag.AlignLeft,
            )

    def set_foreground(self, colour: str) -> None:
        """Take the theme's text colour."""
        self._foreground = colour
        for button in self._plain:
            self._paint(button, colour)

    def clear(self) -> None:
        """Begin with another run."""
        for button in self.buttons.values():
            self._grid.removeWidget(button)
            button.deleteLater()
        self.buttons.clear()
        self._plain.clear()

    def _paint(self, button: QToolButton, colour: str) -> None:
        button.setStyleSheet(
            f"QToolButton {{color: {colour}; background: transparent; border: none; padding: 0;"
            " font-size: 8pt}"
        )


class Curves(QWidget):
    """Two plots over each other; a line of text where pyqtgraph is not installed.

    Redrawn at most twice a second, and only while visible.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history = History()
        self._dirty = False
        self._foreground = "#f0f1f2"
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._graph: Any = None
        self._items: dict[tuple[str, str], Any] = {}
        self._stage_lines: list[tuple[Any, Any]] = []  # a line in either plot
        self._click_lines: list[tuple[Any, Any]] = []
        try:
            import pyqtgraph
        except ImportError:
            missing = QLabel(
                "Curves need pyqtgraph: pip install 'seminar-napari[plots]', then start napari"
                " again."
            )
            missing.setWordWrap(True)
            missing.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            layout.addWidget(missing)
            return
        self._graph = pyqtgraph
        self._losses, self._scores = self._plot("loss"), self._plot("mean IoU")
        self._losses.setLogMode(y=True)
        self._scores.setXLink(self._losses)
        self._scores.setYRange(0, 1, padding=0.02)
        self._scores.hide()
        self.legends = {"loss": Legend(), "score": Legend()}
        for plot, legend in (
            (self._losses, self.legends["loss"]),
            (self._scores, self.legends["score"]),
        ):
            layout.addWidget(legend)
            layout.addWidget(plot)
        layout.addStretch(1)
        self._timer = QTimer(self)
        self._timer.setInterval(REDRAW_MILLISECONDS)
        self._timer.timeout.connect(self._redraw)
        self._timer.start()

    def take(self, event: Event) -> None:
        """Add what an event brings; drawn at the next turn."""
        self.history.take(event)
        self._dirty = True

    def clear(self) -> None:
        """Begin with another run."""
        self.history = History()
        if self._graph is None:
            return
        for (plot, _), item in self._items.items():
            (self._losses if plot == "loss" else self._scores).removeItem(item)
        self._items.clear()
        for legend in self.legends.values():
            legend.clear()
        self._draw_marks()
        self._scores.hide()

    def set_colours(self, foreground: str, background: str) -> None:
        """Take the theme's colours of text and background."""
        self._foreground = foreground
        if self._graph is None:
            return
        for plot in (self._losses, self._scores):
            plot.setBackground(background)
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(foreground)
                axis.setTextPen(foreground)
        for (_, name), item in self._items.items():
            if name == "total":
                item.setPen(foreground, width=1.5)
        for labelled, plain in self._stage_lines:
            for line in (labelled, plain):
                line.setPen(self._graph.mkPen(foreground, width=1))
            labelled.label.setColor(foreground)
        for legend in self.legends.values():
            legend.set_foreground(foreground)
        self._dirty = True

    def _plot(self, left: str) -> Any:
        plot = self._graph.PlotWidget(background=None)
        plot.setFixedHeight(LOSS_HEIGHT if left == "loss" else SCORE_HEIGHT)
        plot.setMinimumWidth(100)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setMouseEnabled(x=True, y=False)
        plot.showGrid(x=False, y=True, alpha=0.15)
        plot.setLabel("left", left, **{"font-size": "8pt"})
        plot.getAxis("left").setWidth(44)
        plot.getPlotItem().setContentsMargins(0, 2, 4, 0)
        return plot

    def _redraw(self) -> None:
        if not self._dirty or not self.isVisible():
            return
        self._dirty = False
        history = self.history
        terms = [term for term in COLOURS if term in history.losses]
        others = [term for term in history.losses if term not in COLOURS]
        for term in (*terms, *others):
            colour = (
                COLOURS[term] or self._foreground
                if term in COLOURS
                else OTHERS[others.index(term) % len(OTHERS)]
            )
            track = history.losses[term]
            values = [
                value if value > 0 else float("nan") for value in track.values
            ]  # the axis is logarithmic
            self._draw(self._losses, "loss", term, colour, track, values)
        for network, track in history.scores.items():
            self._draw(
                self._scores,
                "score",
                network,
                IOU_COLOURS.get(network, self._foreground),
                track,
                track.values,
            )
        if history.scores and self._scores.isHidden():
            self._scores.show()
        self._draw_marks()

    def _draw(
        self, plot: Any, kind: str, name: str, colour: str, track: Track, values: list[float]
    ) -> None:
        item = self._items.get((kind, name))
        if item is None:
            symbol = (
                {"symbol": "o", "symbolSize": 4, "symbolBrush": colour, "symbolPen": None}
                if kind == "score"
                else {}
            )
            pen = self._graph.mkPen(colour, width=1.5)
            item = self._items[kind, name] = plot.plot(pen=pen, connect="finite", **symbol)
            self.legends[kind].add(name, None if name == "total" else colour, item.setVisible)
        item.setData([self.history.x(key) for key in track.keys], values)

    def _draw_marks(self) -> None:
        clicks = [
            (x, f"{count} click{'s' * (count != 1)}") for x, count in self.history.click_marks()
        ]
        self._put_lines(
            self._stage_lines,
            self.history.boundaries(),
            self._foreground,
            Qt.PenStyle.SolidLine,
            0.92,
        )
        self._put_lines(self._click_lines, clicks, CLICKS_COLOUR, Qt.PenStyle.DashLine, 0.08)

    def _put_lines(
        self,
        lines: list[tuple[Any, Any]],
        marks: list[tuple[int, str]],
        colour: str,
        style: Qt.PenStyle,
        height: float,
    ) -> None:
        """Move, show and hide lines, and make those that are missing: pyqtgraph keeps some
        memory of each that is made.
        """
        pen = self._graph.mkPen(colour, width=1, style=style)
        for _ in range(len(lines), len(marks)):
            label = {"position": height, "anchors": [(0, 0.5), (1, 0.5)], "color": colour}
            labelled = self._graph.InfiniteLine(angle=90, pen=pen, label="", labelOpts=label)
            plain = self._graph.InfiniteLine(angle=90, pen=pen)
            self._losses.addItem(labelled, ignoreBounds=True)
            self._scores.addItem(plain, ignoreBounds=True)
            lines.append((labelled, plain))
        for (labelled, plain), mark in zip_longest(lines, marks):
            for line in (labelled, plain):
                line.setVisible(mark is not None)
                if mark is not None:
                    line.setPos(mark[0])
            if mark is not None and labelled.label.format != mark[1]:
                labelled.label.setFormat(mark[1])
