"""The output of the trainer, to read and to copy."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QFontDatabase
from qtpy.QtWidgets import QDialog, QLabel, QPlainTextEdit, QWidget

from seminar_napari.qt.builders import button, column, row, timer
from seminar_napari.workers.child import log_tail

EMPTY = "The log is empty: this run was started from a terminal, or has printed nothing yet."


class LogWindow(QDialog):
    """The end of a log file, which grows while the file does."""

    def __init__(self, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Log of {path.parent.name}")
        self.resize(760, 420)
        self._path = path
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        where = QLabel(str(path))
        where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        where.setWordWrap(True)
        url = QUrl.fromLocalFile(str(path))
        outside = button("Open in editor", action=lambda: QDesktopServices.openUrl(url))
        self.setLayout(column(self._text, row(where, outside, stretch=0, spacing=6), margin=9))
        timer(self, 1000, self._refresh).start()
        self._refresh()

    def text(self) -> str:
        """The shown text."""
        return self._text.toPlainText()

    def _refresh(self) -> None:
        text = log_tail(self._path) or EMPTY
        if text == self._text.toPlainText():
            return
        bar = self._text.verticalScrollBar()
        at_end = bar is None or bar.value() >= bar.maximum()
        self._text.setPlainText(text)
        if bar is not None and at_end:
            bar.setValue(bar.maximum())
