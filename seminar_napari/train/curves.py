"""Live curves of a run: loss terms, mean IoU, and marks of stages and new clicks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from seminar.config.settings import TERMS
from seminar.run.events import Event
from seminar_napari.qt.builders import timer, wrapped_label
from seminar_napari.train.curve_history import History, Track
from seminar_napari.train.setting_texts import term_text

REDRAW_MILLISECONDS = 500

COLOURS = ("#56b4e9", "#e69f00", "#2bb58b", "#cc79a7", "#d55e00", "#b5a900", "#9a86d6")
"""Okabe and Ito's colours, told apart by colour-blind eyes and visible on both themes."""

TOTAL = "total"
"""The curve that takes the theme's text colour."""

CLICKS_COLOUR = "#d55e00"
LOSS_HEIGHT, SCORE_HEIGHT = 190, 110
NETWORKS = ("student", "teacher")


def in_order(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """The known names in their order, then the others, the total last."""
    names = list(names)
    others = [name for name in names if name not in (*known, TOTAL)]
    return [name for name in (*known, *others, TOTAL) if name in names]


def colour_of(name: str, names: Iterable[str], known: Sequence[str]) -> str | None:
    """The colour of a curve among `names`; the known ones keep theirs. None for the total."""
    if name == TOTAL:
        return None
    every = (*known, *(other for other in names if other not in known))
    return COLOURS[every.index(name) % len(COLOURS)]


class Legend(QWidget):
    """A small button for each curve, in its colour, that hides and shows it."""

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
        """Add a curve; None is the theme's text colour."""
        text = term_text(key)
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
        for place, name in enumerate(in_order(self.buttons, TERMS)):
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
        """Start with another run."""
        for button in self.buttons.values():
            self._grid.removeWidget(button)
            button.deleteLater()
        self.buttons.clear()
        self._plain.clear()

    def _paint(self, button: QToolButton, colour: str) -> None:
        button.setStyleSheet(
            f"QToolButton {{color: {colour}; background: transparent; border: none; padding: 0; "
            "font-size: 8pt}"
        )


class Curves(QWidget):
    """Two plots, one above the other; a line of text where pyqtgraph is not installed.

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
            missing = (
                "Curves need pyqtgraph: pip install 'seminar-napari[plots]', then restart napari."
            )
            layout.addWidget(wrapped_label(missing, selectable=True))
            return
        self._graph = pyqtgraph
        self._losses, self._scores = self._plot("loss"), self._plot("mean IoU")
        self._losses.setLogMode(y=True)
        self._scores.setXLink(self._losses)
        self._scores.setYRange(0, 1, padding=0.02)
        self._scores.hide()
        self.legends = {"loss": Legend(), "score": Legend()}
        for widget in (
            self.legends["loss"],
            self._losses,
            self.legends["score"],
            self._scores,
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        self._timer = timer(self, REDRAW_MILLISECONDS, self._redraw)
        self._timer.start()

    def take(self, event: Event) -> None:
        """Add what an event brings; drawn at the next turn."""
        self.history.take(event)
        self._dirty = True

    def clear(self) -> None:
        """Start with another run."""
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
            if name == TOTAL:
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
        losses = in_order(history.losses, TERMS)
        for term in losses:
            track = history.losses[term]
            # the axis is logarithmic
            values = [value if value > 0 else float("nan") for value in track.values]
            colour = colour_of(term, losses, TERMS) or self._foreground
            self._draw(self._losses, "loss", term, colour, track, values)
        for network, track in history.scores.items():
            colour = colour_of(network, history.scores, NETWORKS) or self._foreground
            self._draw(self._scores, "score", network, colour, track, track.values)
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
            self.legends[kind].add(name, None if name == TOTAL else colour, item.setVisible)
        item.setData([self.history.x(key) for key in track.keys], values)

    def _draw_marks(self) -> None:
        solid = Qt.PenStyle.SolidLine
        stages = [
            (x, f"stage {self.history.stages.index(name) + 1}")
            for x, name in self.history.boundaries()
        ]
        clicks = [
            (x, f"{count} click{'s' * (count != 1)}") for x, count in self.history.click_marks()
        ]
        self._put_lines(self._stage_lines, stages, self._foreground, solid, 0.92)
        self._put_lines(self._click_lines, clicks, CLICKS_COLOUR, Qt.PenStyle.DashLine, 0.08)

    def _put_lines(
        self,
        lines: list[tuple[Any, Any]],
        marks: list[tuple[int, str]],
        colour: str,
        style: Qt.PenStyle,
        height: float,
    ) -> None:
        """Move, show and hide lines, and make the missing ones; pyqtgraph leaks each new one."""
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
