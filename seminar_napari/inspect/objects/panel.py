"""Counting, in the tab Inspect: the switch, what was found, and the way to the table."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import numpy as np
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QDockWidget, QWidget

from seminar.project.layout import PROBE
from seminar_napari.inspect.next_click.ring import Ring
from seminar_napari.inspect.objects.columns import OBJECT, Measured, measure
from seminar_napari.inspect.objects.dividing import Mask
from seminar_napari.inspect.objects.layer import ObjectsLayer
from seminar_napari.inspect.objects.table import ObjectTable
from seminar_napari.inspect.overlay_kinds import OVERLAYS, STUDENT
from seminar_napari.inspect.overlays import Overlays
from seminar_napari.qt.builders import button, column, row, wrapped_label
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session
from seminar_napari.workers.latest import Latest
from seminar_napari.workers.worker import Fault

DOCK = "Objects"
RING = "chosen object"
DIVIDED = (STUDENT, PROBE, "teacher")
"""Overlays that are divided into objects."""

DRAG_PIXELS = 5.0  # on screen: less than this is a click, not a drag


class ObjectsPanel(QWidget):
    """Counts the objects of the shown image, measures them for the table, and links the two.

    Parameters
    ----------
    centre : callable
        Brings a pixel of the shown image, (row, col), to the middle of the view.

    Attributes
    ----------
    objects : ObjectsLayer
    table : ObjectTable
        Measured only while it is seen.
    """

    def __init__(
        self,
        viewer: Any,
        session: Session,
        overlays: Overlays,
        centre: Callable[[float, float], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._overlays = viewer, session, overlays
        self._centre = centre
        self._measurer: Latest[Measured] = Latest("seminar-measure")
        self.objects = ObjectsLayer(viewer, session)
        self.ring = Ring(viewer, RING)
        self.table = ObjectTable(self)
        self.table.hide()
        self.count = button(
            "Count objects",
            "Divide the mask into objects, one a click, and keep them in step with clicks and "
            "mask: another click on an object splits it, one of the background removes it",
            checkable=True,
        )
        self.count.toggled.connect(self.objects.switch)
        self.open_table = button(
            "Table", "Sizes and intensities, a histogram, and a CSV file", self.toggle_table
        )
        self.text = wrapped_label()
        self.setLayout(column(row(self.count, self.open_table, stretch=0), self.text))
        self.table.chosen.connect(self._on_row)
        self.table.seen.connect(self._measure)
        self._cleanup = Cleanup(self.objects.close, self.ring.hide, self._drop_clicks)
        self._cleanup.connect(self.objects.said, self._say)
        self._cleanup.connect(self.objects.changed, self._on_objects)
        viewer.mouse_drag_callbacks.append(self._pressed)
        if (theme := getattr(viewer.events, "theme", None)) is not None:
            self._cleanup.connect(theme, self._take_theme)
        self._take_theme()

    def shut_down(self) -> None:
        """Listen to nothing any more, and take the table away."""
        self._cleanup()
        if self._is_docked:
            self._viewer.window.remove_dock_widget(self.table)
        self.table.deleteLater()

    @property
    def _is_docked(self) -> bool:
        return isinstance(self.table.parentWidget(), QDockWidget)

    def poll(self) -> None:
        """Show what was found and measured, in the window's thread."""
        self.objects.poll()
        outcome = self._measurer.take()
        if isinstance(outcome, Fault):
            self.table.show_objects(None, text=outcome.reason)
        elif outcome is not None and outcome.image_id == self._session.image_id:
            self.table.show_objects(outcome)
            self._put_features(outcome)

    def follow_mask(self) -> None:
        """Use the mask that is chosen for the shown image; the best there is without one."""
        overlays, run = self._overlays, self._session.run
        wanted = (overlays.choice.chosen, STUDENT, PROBE)
        name = next((name for name in wanted if name in DIVIDED and overlays.has(name)), "")
        labels = overlays.data(name) if name else None
        mask = None
        if labels is not None:
            words = OVERLAYS[name].title
            if name != PROBE and run is not None:
                words = f"{words} of {run.path.name}"
            model = run.path if name != PROBE and run is not None else None
            mask = Mask(labels, words, overlays.stamp(name), model)
        self.objects.follow(mask)

    def toggle_table(self) -> None:
        """Show the table under the canvas, or put it away."""
        window = getattr(self._viewer, "window", None)
        if self._is_docked and window is not None:
            window.remove_dock_widget(self.table)
            self.table.setParent(self)  # it goes when this goes
            self.table.hide()
            self.ring.hide()
            return
        if window is not None:
            window.add_dock_widget(self.table, name=DOCK, area="bottom")
        self.table.show()
        if not self.objects.is_on:
            self.count.setChecked(True)

    # what happens elsewhere
    def _say(self, text: str) -> None:
        self.text.setText(text)

    def _on_objects(self) -> None:
        self.ring.hide()
        if self.objects.shown is None:
            self.table.show_objects(None)
        else:
            self._measure()

    def _measure(self) -> None:
        """Measure what is shown, in the background, while the table is seen."""
        project, found = self._session.project, self.objects.shown
        if project is None or found is None or found.numbers is None:
            return
        if self.table.isVisible():
            self._measurer.submit(partial(measure, project, found))

    def _put_features(self, measured: Measured) -> None:
        """Give napari's own table of features the same columns."""
        layer = self.objects.layer
        if layer is not None:
            layer.features = {"index": measured.columns[OBJECT], **measured.columns}

    # the chosen object
    def _on_row(self, number: int) -> None:
        place = self._mark(number)
        if place is not None:
            self._centre(*place)

    def _mark(self, number: int) -> tuple[float, float] | None:
        """Put the ring around an object; return its middle."""
        layer = self.objects.layer
        if layer is None:
            return None
        rows, cols = np.nonzero(np.asarray(layer.data) == number)
        if not len(rows):
            return None
        layer.selected_label = number
        middle = (rows.min() + rows.max()) / 2, (cols.min() + cols.max()) / 2
        across = float(np.hypot(np.ptp(rows) + 1, np.ptp(cols) + 1))
        self.ring.show(*middle, self._session.layer_geometry(), 1.3 * across)
        return middle

    def _pressed(self, _viewer: Any, event: Any) -> Generator[None]:
        """A click with Shift, or while the instances are selected, chooses the object there."""
        layer = self.objects.layer
        is_selected = layer is not None and self._viewer.layers.selection.active is layer
        chooses = "Shift" in event.modifiers or (is_selected and not event.modifiers)
        if layer is None or not layer.visible or event.button != 1 or not chooses:
            return
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if np.linalg.norm(start - event.pos) >= DRAG_PIXELS:
            return
        if number := layer.get_value(event.position, world=True):
            self.table.choose(int(number))
            self._mark(int(number))

    def _drop_clicks(self) -> None:
        callbacks = self._viewer.mouse_drag_callbacks
        if self._pressed in callbacks:
            callbacks.remove(self._pressed)

    def _take_theme(self, _event: Any = None) -> None:
        if (theme := getattr(self._viewer, "theme", None)) is not None:
            colours = get_theme(theme)
            self.table.histogram.set_colours(colours.text.as_hex(), colours.background.as_hex())
