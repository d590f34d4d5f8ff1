"""The Annotate tab: classes, images, saving, advice, keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QCursor, QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QToolTip, QWidget
from superqt import QElidingLabel

from seminar.errors import SeminarError
from seminar_napari.annotate.annotation import Annotation
from seminar_napari.annotate.class_bar import ClassBar
from seminar_napari.annotate.images.image_list import ImageList
from seminar_napari.annotate.import_row import ImportRow, dropped_clicks
from seminar_napari.annotate.keys_and_mouse import LEGEND
from seminar_napari.annotate.live_mask import LiveMask
from seminar_napari.annotate.live_mask_row import LiveMaskRow
from seminar_napari.qt.builders import Fold, boxed, button, column, row, scrolled, timer
from seminar_napari.session.image_states import ImageState
from seminar_napari.session.session import Session


class AnnotateTab(QWidget):
    """Click: which class, which image, and whether it is on disk.

    Parameters
    ----------
    more_keys : sequence of (keys, meaning)
        Keys of other tabs, for the legend.
    """

    def __init__(
        self,
        session: Session,
        viewer: Any,
        parent: QWidget | None = None,
        *,
        more_keys: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(parent)
        self._session = session
        self.annotation = Annotation(session, viewer)
        self.classes = ClassBar(session)
        self.images = ImageList(session)
        self.importing = ImportRow(session, self.annotation.edits, viewer)
        self.live_mask = LiveMask(session)
        self.live_mask_row = LiveMaskRow(session, self.live_mask)
        self.previous = button(
            "◂ A", "Previous image (key A)", session.previous_image, takes_focus=False
        )
        self.next = button("D ▸", "Next image (key D)", session.next_image, takes_focus=False)
        self.place = QElidingLabel()
        self.place.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.place.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.saved = QLabel()
        self.saved.setWordWrap(True)
        self.saved.setAlignment(Qt.AlignmentFlag.AlignTop)
        lines = 2 * self.saved.fontMetrics().lineSpacing()
        self.saved.setMinimumHeight(lines + 4)  # one line or two, nothing jumps
        self.warning = QLabel()
        self.warning.setWordWrap(True)
        self.train_on = button(
            "Train on this image",
            "Add the image to the training split (ImageSets/Segmentation); it no longer counts in "
            "the scores of the validation split",
            self._train_on,
            takes_focus=False,
        )
        self.legend = Fold("Keys and mouse", _legend((*LEGEND, *more_keys)))
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        content = boxed(
            column(
                self.classes,
                self.images,
                row(self.previous, self.place, self.next, stretch=1, spacing=6),
                self.importing,
                self.live_mask_row,
                self.saved,
                self.warning,
                self.train_on,
                self.legend,
                stretch=1,
                margin=6,
            )
        )
        area = scrolled(content)
        area.setMinimumWidth(content.minimumSizeHint().width())
        self.setLayout(column(area))
        self.setAcceptDrops(True)
        session.image_changed.connect(self._show_place)
        session.project_changed.connect(self._show_place)
        session.images_changed.connect(self._show_place)
        session.clicks_changed.connect(self._show_saved)
        session.clicks_saved.connect(self._show_saved)
        session.image_states.changed.connect(self._show_warning)
        self._stray = ""
        # Qt takes tool tips away while the button goes up
        self._tell_stray = timer(self, 0, self._tell, once=True)
        self.annotation.stray_clicks.said.connect(self._say_at_pointer)
        timer(self, 1000, self._show_saved).start()
        self._show_place()

    def shut_down(self) -> None:
        """End the live mask's process, before the dock goes."""
        self.live_mask_row.shut_down()

    def show_keys(self) -> None:
        """Unfold the keys and mouse gestures."""
        self.legend.expand(animate=False)

    def showEvent(self, event: Any) -> None:
        """Take clicks that are dropped on the canvas from now on."""
        super().showEvent(event)
        self.importing.watch_drops()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Accept files with clicks."""
        if event is not None and dropped_clicks(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Import the clicks."""
        if event is not None and (paths := dropped_clicks(event)):
            event.acceptProposedAction()
            self.importing.start(paths)

    def _show_place(self, _changed: object = None) -> None:
        ids, image_id = self._session.image_ids, self._session.image_id
        number = ids.index(image_id) + 1 if image_id in ids else 0
        self.place.setText(f"{image_id}  {number}/{len(ids)}" if number else "")
        self.place.setToolTip(image_id)
        self._show_saved()
        self._show_warning()

    def _show_saved(self, _image_id: str = "") -> None:
        session, parts = self._session, []
        if session.project is None or not session.image_id:
            self.saved.setText("")
            return
        if session.not_saved:
            parts.append(f"⚠ Not on disk yet: {next(iter(session.not_saved.values()))}")
        elif session.unsaved():
            parts.append("Saving…")
        elif session.saved_at:
            parts.append(f"Saved {_ago(time.time() - session.saved_at)}")
        parts.append(f"{self.annotation.clicks.stopwatch.seconds:.0f} s on this image")
        mean = session.image_states.mean_seconds()
        if mean is not None:
            parts.append(f"{mean:.0f} s on average")
        self.saved.setText(" · ".join(parts))

    def _say_at_pointer(self, text: str) -> None:
        self._stray = text
        self._tell_stray.start()

    def _tell(self) -> None:
        if (window := self.window()) is not None and window.isVisible():
            QToolTip.showText(QCursor.pos(), self._stray, self)

    def _show_warning(self, _image_ids: object = None) -> None:
        session = self._session
        state = session.image_states[session.image_id] if session.image_id else ImageState()
        text = _advice(state, session.split) if session.image_id else ""
        self.warning.setText(f"⚠ {text}" if text else "")
        self.warning.setVisible(bool(text))
        self.train_on.setVisible(state.held_out)

    def _train_on(self) -> None:
        session = self._session
        try:
            session.train_on([session.image_id])
        except (SeminarError, OSError) as error:
            session.notice.emit(str(error))


def _advice(state: ImageState, split: str) -> str:
    """The next thing to do on this image, in one sentence; "" where it is ready."""
    if state.fault:
        return state.fault
    if state.held_out and state.counts:
        return f"Clicks here are not trained on: {split}.txt does not list this image."
    if state.held_out:
        return (
            f"Kept for scoring: {split}.txt does not list this image, so clicks here would not be "
            "trained on."
        )
    if state.outside:
        return f"{state.outside} clicks lie outside the image: move or delete them."
    if state.kind == "nothing":
        return (
            "No clicks here yet: click once on each object, then a few times between them (key 0)."
        )
    if not state.background:
        return "No background clicks here: add a few between the objects."
    if not state.objects:
        return "Only background clicks here: click on the objects too, if there are any."
    return ""


def _ago(seconds: float) -> str:
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s ago"
    return f"{seconds:.0f} s ago" if seconds < 90 else f"{seconds / 60:.0f} min ago"


def _legend(keys: Sequence[tuple[str, str]]) -> QWidget:
    legend = QWidget()
    grid = QGridLayout(legend)
    grid.setContentsMargins(4, 0, 0, 0)
    grid.setHorizontalSpacing(10)
    grid.setVerticalSpacing(1)
    grid.setColumnStretch(1, 1)
    for number, (names, meaning) in enumerate(keys):
        grid.addWidget(QLabel(names), number, 0)
        grid.addWidget(QLabel(meaning), number, 1)  # not wrapped: the fold does not ask its height
    return legend
