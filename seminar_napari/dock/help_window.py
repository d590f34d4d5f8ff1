"""The package's own introduction."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QTextBrowser, QWidget

from seminar_napari.qt.builders import column


class HelpWindow(QDialog):
    """Shows the README of the installed package."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Seminar")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(720, 640)
        browser = QTextBrowser()
        browser.setOpenExternalLinks(True)
        browser.setMarkdown(_introduction())
        self.setLayout(column(browser, margin=9))


def _introduction() -> str:
    try:
        return str(metadata("seminar-napari").get_payload())  # type: ignore[attr-defined]
    except PackageNotFoundError:
        return "Seminar is not installed as a package: its introduction is in README.md."
