"""The tab *Inspect*: look at the overlays, find the next click, score, count objects."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFrame, QLabel, QWidget

from seminar_napari.inspect.keys import NEXT_KEY, InspectKeys
from seminar_napari.inspect.linked_grid import LinkedGrid
from seminar_napari.inspect.next_click.walk import LOOKING, NextClickWalk
from seminar_napari.inspect.objects.panel import ObjectsPanel
from seminar_napari.inspect.overlay_kinds import STUDENT, TRUTH
from seminar_napari.inspect.overlays import Overlays
from seminar_napari.inspect.scores import Scores, score_line
from seminar_napari.inspect.show_panel import ShowPanel
from seminar_napari.inspect.update_pace import POLL_SECONDS
from seminar_napari.qt.builders import boxed, button, column, row, scrolled, timer, wrapped_label
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.session.session import Session

NO_COMPARISON = "no other run"


class InspectTab(QWidget):
    """Everything that is shown over the image, drawn from the session and the overlays."""

    def __init__(self, session: Session, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.overlays = Overlays(viewer, session)
        self.grid = LinkedGrid(viewer, session, self.overlays)
        self.walk = NextClickWalk(viewer, session)
        self.scores = Scores(session)
        self.objects = ObjectsPanel(viewer, session, self.overlays, self.walk.centre)
        self.keys = InspectKeys(viewer, self.overlays, self.walk.go)
        self._make_widgets()
        self._connect()
        self._timer = timer(self, round(1000 * POLL_SECONDS), self._poll)
        self._timer.start()
        self._draw()
        self._draw_runs()

    def shut_down(self) -> None:
        """Remove layers, keys and timer, before the dock goes."""
        self._timer.stop()
        self.grid.leave()
        self._cleanup()
        self.overlays.remove_layers()

    def showEvent(self, event: Any) -> None:
        """Show the masks that were predicted while another tab was open."""
        super().showEvent(event)
        self.overlays.look_again()

    # widgets
    def _make_widgets(self) -> None:
        self.show_panel = ShowPanel(self.overlays, self.grid)
        self.next_click = button(
            f"Next click ({NEXT_KEY})",
            "Go to the place, over all images, where the live mask is least sure or the networks "
            "disagree most, and no click is near",
            self.walk.go,
        )
        self.next_text, self.score_text = wrapped_label(), wrapped_label()
        self.compared_run = QComboBox()
        self.compared_run.setToolTip("Compare the score with an earlier run")
        self.compared_run.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.compared_run.setMinimumContentsLength(8)
        self._comparison = boxed(row(QLabel("Compared with"), self.compared_run, stretch=1))
        content = column(
            self.show_panel,
            _gap(),
            self.next_click,
            self.next_text,
            _gap(),
            self.score_text,
            self._comparison,
            _gap(),
            self.objects,
            margin=6,
        )
        content.addStretch(1)
        self.setLayout(column(scrolled(boxed(content))))

    def _connect(self) -> None:
        session = self._session
        self._cleanup = Cleanup(
            self.keys.close,
            self.scores.close,
            self.objects.shut_down,
            self.walk.close,
            self.overlays.disconnect,
        )
        for signal, slot in (
            (self.overlays.changed, self._on_overlays),
            (self.scores.changed, self._draw_scores),
            (session.image_layer_changed, self._on_image_layer),
            (session.run_changed, self._draw_runs),
            (session.project_changed, self._draw_runs),
            (session.state_changed, self._draw_runs),
            (session.mask_written, self._keep_pace),
            (session.image_changed, self._keep_pace),
            (session.live_mask_changed, self._keep_pace),
        ):
            self._cleanup.connect(signal, slot)
        self.destroyed.connect(self._cleanup)
        self.walk.said.connect(self._on_said)
        self.compared_run.textActivated.connect(self._on_compared_run)

    def _poll(self) -> None:
        self.overlays.poll()
        self.walk.poll()
        self.scores.poll()
        self.objects.poll()
        self._keep_pace()

    def _keep_pace(self, _value: object = None) -> None:
        milliseconds = round(1000 * self.overlays.turn_seconds)
        if self._timer.interval() != milliseconds:
            self._timer.setInterval(milliseconds)

    # what the person does
    def _on_said(self, text: str) -> None:
        self.next_text.setText(text)
        if text not in ("", LOOKING) and not self.isVisible():
            self._session.next_click_said.emit(text)

    def _on_compared_run(self, name: str) -> None:
        self.scores.compare_with("" if name == NO_COMPARISON else name)

    # drawing
    def _on_overlays(self) -> None:
        self.grid.refresh()
        self.objects.follow_mask()
        self._draw()

    def _on_image_layer(self, _layer: object) -> None:
        self.grid.refresh()

    def _draw(self) -> None:
        self.show_panel.draw()
        self._draw_scores()

    def _draw_scores(self) -> None:
        overlays, project = self.overlays, self._session.project
        truth, predicted = overlays.data(TRUTH), overlays.data(STUDENT)
        if truth is not None and predicted is not None and project is not None:
            frames = overlays.stamp(TRUTH), overlays.stamp(STUDENT)
            self.scores.score_image(frames, truth, predicted, project.classes.num_classes)
        else:
            self.scores.forget_image()
        line = score_line(self.scores.image, self.scores.current, self.scores.earlier)
        self.score_text.setText(
            line or "Scores appear where SegmentationClass has masks to compare with."
        )
        self.score_text.setEnabled(bool(line))
        self.score_text.setToolTip(
            "Intersection over union of prediction and truth, averaged over the classes"
            if line
            else ""
        )

    def _draw_runs(self, _value: object = None) -> None:
        combo = self.compared_run
        names = (NO_COMPARISON, *self.scores.earlier_runs())
        if names != tuple(combo.itemText(index) for index in range(combo.count())):
            chosen = combo.currentText()
            with QSignalBlocker(combo):
                combo.clear()
                combo.addItems(names)
                combo.setCurrentText(chosen if chosen in names else NO_COMPARISON)
        self._comparison.setVisible(len(names) > 1)
        self.next_click.setEnabled(self._session.project is not None)
        self._draw_scores()


def _gap() -> QFrame:
    gap = QFrame()
    gap.setFixedHeight(4)
    return gap
