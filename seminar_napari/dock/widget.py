"""The Seminar dock: places the parts and connects their signals."""

from __future__ import annotations

import atexit
import weakref
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QLabel,
    QStackedWidget,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from seminar.errors import SeminarError
from seminar.project.layout import is_project
from seminar_napari.annotate.tab import AnnotateTab
from seminar_napari.dock.empty_page import EmptyPage
from seminar_napari.dock.header import Header
from seminar_napari.dock.new_project import image_layers
from seminar_napari.dock.new_project_dialog import NewProjectDialog
from seminar_napari.dock.reader_rules import prefer_readers
from seminar_napari.dock.recent import remember_project
from seminar_napari.dock.sample import first_with_clicks, sample_project
from seminar_napari.export.tab import ExportTab
from seminar_napari.inspect.keys import LEGEND
from seminar_napari.inspect.tab import InspectTab
from seminar_napari.run.log_window import LogWindow
from seminar_napari.session.session import Session
from seminar_napari.train.close_guard import closes_by_script
from seminar_napari.train.tab import TrainTab

if TYPE_CHECKING:
    import napari

POLL_MILLISECONDS = 100
FOREIGN_CLICKS_MILLISECONDS = 5000
NOTICE_MILLISECONDS = 12_000


class SeminarDock(QWidget):
    """Annotate, train, inspect, export: four tabs over one session.

    Attributes
    ----------
    session : Session
    """

    def __init__(self, napari_viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        viewer = getattr(
            napari_viewer, "__wrapped__", napari_viewer
        )  # napari hands out a proxy that slows every event down
        self.viewer = viewer
        self.session = Session()
        prefer_readers()
        actions = {
            "New project from open layers…": self.ask_new_project,
            "Open project…": self.ask_project,
            "Open the sample project": self.open_sample,
            "Keys and mouse": self.show_keys,
            "Log of the run": self.show_log,
            "Help": self.show_help,
        }
        self.header = Header(self.session, actions)
        self.annotate = AnnotateTab(self.session, viewer, more_keys=LEGEND)
        self.train = TrainTab(self.session, viewer)
        self.inspect = InspectTab(self.session, viewer)
        self.export = ExportTab(self.session, viewer)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        bar = self.tabs.tabBar()
        assert bar is not None
        bar.setDrawBase(False)
        bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        for title, tab in (
            ("Annotate", self.annotate),
            ("Train", self.train),
            ("Inspect", self.inspect),
            ("Export", self.export),
        ):
            self.tabs.addTab(tab, title)
        self.empty = EmptyPage(self.ask_new_project, self.ask_project, self.open_sample)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.tabs)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setContentsMargins(6, 0, 6, 2)
        self.status.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.header)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.status)
        self.setMinimumWidth(320)
        self.setAcceptDrops(True)
        self._connect()

    def _connect(self) -> None:
        self.session.project_changed.connect(self._on_project)
        self.session.notice.connect(self.say)
        self.session.clicks_saved.connect(self._on_saved)
        self.header.project_chosen.connect(self.open_project)
        self.train.tab_wanted.connect(lambda name: self.tabs.setCurrentWidget(getattr(self, name)))
        self._notice_timer = QTimer(
            self, singleShot=True, interval=NOTICE_MILLISECONDS, timeout=self.status.hide
        )  # type: ignore[call-arg]  # Qt's properties
        self._poll_timer = QTimer(self, interval=POLL_MILLISECONDS, timeout=self.session.poll)  # type: ignore[call-arg]  # Qt's properties
        self._foreign_timer = QTimer(
            self, interval=FOREIGN_CLICKS_MILLISECONDS, timeout=self._look_for_foreign_clicks
        )  # type: ignore[call-arg]  # Qt's properties
        self._poll_timer.start()
        self._foreign_timer.start()
        self._window: QObject | None = None
        self._canvas: QObject | None = None
        self._has_warned = False
        session, annotation = weakref.ref(self.session), weakref.ref(self.annotate.annotation)
        self.destroyed.connect(lambda: _let_go(session, annotation))
        atexit.register(_let_go, session, annotation)

    def sizeHint(self) -> QSize:
        """As in the sketch: between 320 and 400 px wide."""
        return QSize(380, 720)

    # projects
    def open_project(self, path: Path, *, show: bool = True) -> None:
        """Open a project folder; what is wrong with it is said in the status line."""
        self.status.hide()  # what was said of the project before
        try:
            self.session.open_project(path, show=show)
        except (SeminarError, OSError) as error:
            self.say(str(error))

    def ask_project(self) -> None:
        """Let the user choose a project folder."""
        dialog = QFileDialog(self, "Open a project folder")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda chosen: self.open_project(Path(chosen)))
        dialog.open()

    def ask_new_project(self) -> None:
        """Let the user make a project of the open image layers."""
        layers = image_layers(
            layer for layer in self.viewer.layers if layer is not self.session.image_layer
        )
        if not layers:
            self.say("Open some images in napari first (File > Open), then make a project of them.")
            return
        dialog = NewProjectDialog(layers, self)
        dialog.created.connect(self._open_created)
        dialog.open()

    def _open_created(self, folder: Path, source: Any) -> None:
        for layer in image_layers(self.viewer.layers):
            layer.visible = False  # they stay, out of the way
        self.open_project(folder)
        if self.session.image_layer is not None:
            self.session.keep_geometry(source)
            for name, value in self.session.layer_geometry().items():
                setattr(self.session.image_layer, name, value)
            self.viewer.reset_view()

    def open_sample(self) -> None:
        """Open the user's copy of the sample project."""
        try:
            self.open_project(sample_project(), show=False)
            self.session.show_image(first_with_clicks(self.session.project))
        except (SeminarError, OSError) as error:
            self.say(str(error))

    def _on_project(self, project: Any) -> None:
        self.pages.setCurrentWidget(self.empty if project is None else self.tabs)
        if project is not None:
            remember_project(project.path)
            self._foreign_timer.setInterval(
                max(FOREIGN_CLICKS_MILLISECONDS, 10 * len(self.session.image_ids))
            )

    def _look_for_foreign_clicks(self) -> None:
        for image_id in self.session.take_clicks_from_disk():
            self.say(
                f"Clicks of {image_id} were changed by another program and are shown as they are on"
                " disk."
            )

    # the status line and the menu's other entries
    def say(self, text: str) -> None:
        """Show one line for a while."""
        self.status.setText(text)
        self.status.setVisible(bool(text))
        self._notice_timer.start()

    def show_keys(self) -> None:
        """Unfold the legend in the Annotate tab."""
        self.tabs.setCurrentWidget(self.annotate)
        self.annotate.show_keys()

    def show_log(self) -> None:
        """Open the log of the followed run."""
        run = self.session.run
        if run is None or not run.log_path.is_file():
            self.say("There is no log yet: it is written while a run goes on.")
        else:
            LogWindow(run.log_path, self).show()

    def show_help(self) -> None:
        """Show the package's own introduction."""
        try:
            text = str(metadata("seminar-napari").get_payload())  # type: ignore[attr-defined]
        except PackageNotFoundError:
            text = (
                "Seminar is not installed as a package here, so its introduction is not at hand;"
                " see README.md."
            )
        dialog = QDialog(self)
        dialog.setWindowTitle("Seminar")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.resize(720, 640)
        browser = QTextBrowser()
        browser.setOpenExternalLinks(True)
        browser.setMarkdown(text)
        QVBoxLayout(dialog).addWidget(browser)
        dialog.open()

    # dropped folders, the closing window
    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """A project folder may be dropped here."""
        if event is not None and _dropped_project(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open the dropped project."""
        path = _dropped_project(event) if event is not None else None
        if event is not None and path is not None:
            event.acceptProposedAction()
            self.open_project(path)

    def showEvent(self, event: Any) -> None:
        """From now on see when the window closes and what is dropped on the canvas."""
        super().showEvent(event)
        if self._window is not self.window():
            self._window = self.window()
            self._canvas = getattr(self.viewer.window, "_qt_viewer", None)
            for watched in (self._window, self._canvas):
                if watched is not None:
                    watched.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Write what waits before the window closes; open a project that is dropped on the
        canvas without napari's question.
        """
        if event is None or not hasattr(self, "_window"):  # half gone already
            return False
        if event.type() == QEvent.Type.Close and watched is self._window:
            return self._holds_back(event)
        if (
            isinstance(event, QDropEvent)
            and event.type() == QEvent.Type.Drop
            and watched is self._canvas
        ):
            self.dropEvent(event)
            return _dropped_project(event) is not None
        return False

    def _on_saved(self, _image_id: str) -> None:
        if not self.session.unsaved():  # the next trouble is another one
            self._has_warned = False

    def _holds_back(self, event: QEvent) -> bool:
        """Whether the window must stay, once, because clicks cannot be written."""
        self.annotate.annotation.keep_seconds()
        if self.session.flush() or self._has_warned or closes_by_script(self._window):
            return False
        self._has_warned = True
        self.say(
            f"Clicks of {', '.join(self.session.unsaved())} are not on disk. Make room or give"
            " access; closing once more loses them."
        )
        event.ignore()
        return True


def _dropped_project(event: QDropEvent) -> Path | None:
    data = event.mimeData()
    paths = (
        [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        if data is not None
        else []
    )
    return paths[0] if len(paths) == 1 and is_project(paths[0]) else None


def _let_go(session: weakref.ref[Any], annotation: weakref.ref[Any]) -> None:
    """The dock is gone: have everything on disk."""
    here, there = annotation(), session()
    if here is not None:
        here.close()
    if there is not None:
        there.flush()
