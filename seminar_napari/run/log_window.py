"""What the trainer printed, to read and to copy."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, QTimer, QUrl
from qtpy.QtGui import QDesktopServices, QFontDatabase
from qtpy.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from seminar_napari.workers.child import log_tail


class LogWindow(QDialog):
    """The end of a log file; it grows while the file does."""

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
        outside = QPushButton("Open in editor")
        outside.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))))
        row = QHBoxLayout()
        row.addWidget(where, 1)
        row.addWidget(outside)
        layout = QVBoxLayout(self)
        layout.addWidget(self._text)
        layout.addLayout(row)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._refresh)
        self._timer.start(1000)
        self._refresh()

    def text(self) -> str:
        """What is shown."""
        return self._text.toPlainText()

    def _refresh(self) -> None:
        text = (
            log_tail(self._path)
            or "The log is empty: this run was started from a terminal, or has printed nothing yet."
        )
        if text == self._text.toPlainText():
            return
        bar = self._text.verticalScrollBar()
        at_end = bar is None or bar.value() >= bar.maximum()
        self._text.setPlainText(text)
        if bar is not None and at_end:
            bar.setValue(bar.maximum())
