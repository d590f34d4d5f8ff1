"""The Seminar dock: places the parts and connects their signals."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QFileDialog, QLabel, QStackedWidget, QTabWidget, QWidget

from seminar.errors import SeminarError
from seminar_napari.annotate.tab import AnnotateTab
from seminar_napari.dock.empty_page import EmptyPage
from seminar_napari.dock.header import Header
from seminar_napari.dock.help_window import HelpWindow
from seminar_napari.dock.new_project.dialog import NewProjectDialog
from seminar_napari.dock.new_project.file_choice import FileChoice
from seminar_napari.dock.new_project.from_layers import image_layers
from seminar_napari.dock.new_project.layer_choice import LayerChoice
from seminar_napari.dock.reader_rules import prefer_readers
from seminar_napari.dock.recent import remember_project
from seminar_napari.dock.sample import first_with_clicks, sample_project
from seminar_napari.dock.ways_in import folder_for, free_folder, project_of, what_is, why_neither
from seminar_napari.dock.window_events import WindowEvents, dropped_paths
from seminar_napari.export.tab import ExportTab
from seminar_napari.inspect.keys import LEGEND
from seminar_napari.inspect.tab import InspectTab
from seminar_napari.layers.geometry import set_geometry
from seminar_napari.qt.builders import column, timer
from seminar_napari.run.log_window import LogWindow
from seminar_napari.session.session import Session
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
        # napari hands out a proxy that slows every event down
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.session = Session()
        prefer_readers()
        actions = {
            "New project from open layers…": self.ask_new_project,
            "Open folder…": self.ask_folder,
            "Open the sample project": self.open_sample,
            "Keys and mouse": self.show_keys,
            "Log of the run": self.show_log,
            "Help": lambda: HelpWindow(self).open(),
        }
        self.header = Header(self.session, actions)
        self.annotate = AnnotateTab(self.session, self.viewer, more_keys=LEGEND)
        self.train = TrainTab(self.session, self.viewer)
        self.inspect = InspectTab(self.session, self.viewer)
        self.export = ExportTab(self.session, self.viewer)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        bar = self.tabs.tabBar()
        assert bar is not None
        bar.setDrawBase(False)
        bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        self.tabs.addTab(self.annotate, "Annotate")
        self.tabs.addTab(self.train, "Train")
        self.tabs.addTab(self.inspect, "Inspect")
        self.tabs.addTab(self.export, "Export")
        self.empty = EmptyPage(self.ask_folder, self.ask_new_project, self.open_sample)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.tabs)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setContentsMargins(6, 0, 6, 2)
        self.status.hide()
        self.setLayout(column(self.header, self.pages, self.status, stretch=1, spacing=2))
        self.setMinimumWidth(320)
        self.setAcceptDrops(True)
        self._window_events = WindowEvents(self.annotate.annotation, self)
        self._notice_timer = timer(self, NOTICE_MILLISECONDS, self.status.hide, once=True)
        self._foreign_timer = timer(self, FOREIGN_CLICKS_MILLISECONDS, self._use_foreign_clicks)
        self._foreign_timer.start()
        timer(self, POLL_MILLISECONDS, self.session.poll).start()
        self._connect()

    def _connect(self) -> None:
        self.session.project_changed.connect(self._on_project)
        self.session.notice.connect(self.say)
        self.header.project_chosen.connect(self.open_path)
        self.train.tab_wanted.connect(lambda name: self.tabs.setCurrentWidget(getattr(self, name)))
        self._window_events.dropped.connect(self.open_paths)
        self._window_events.warned.connect(self.say)
        session, annotation = weakref.ref(self.session), weakref.ref(self.annotate.annotation)
        self.destroyed.connect(lambda: _save_all(session, annotation))
        atexit.register(_save_all, session, annotation)

    def sizeHint(self) -> QSize:
        """Between 320 and 400 px wide."""
        return QSize(380, 720)

    # projects
    def open_project(self, path: Path, *, show: bool = True) -> None:
        """Open a project folder; the status line shows its faults."""
        self.status.hide()  # about the project before
        try:
            self.session.open_project(path, show=show)
        except (SeminarError, OSError) as error:
            self.say(str(error))

    def open_path(self, path: Path) -> None:
        """Open a project, or ask whether a folder of images is to become one."""
        match what_is(path):
            case "project":
                self.open_project(project_of(path))
            case "images":
                self.ask_project_of([path])
            case "neither":
                self.say(why_neither(path))

    def open_paths(self, paths: Sequence[Path]) -> None:
        """`open_path` for one path; for several, ask whether they are to become a project."""
        if len(paths) == 1 and paths[0].is_dir():
            self.open_path(paths[0])
        else:
            self.ask_project_of(paths)

    def ask_folder(self) -> None:
        """Let the user choose a folder to open."""
        dialog = QFileDialog(self, "Open a folder of images, or a project")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda chosen: self.open_path(Path(chosen)))
        dialog.open()

    def ask_project_of(self, paths: Sequence[Path]) -> None:
        """Ask whether these files and folders are to become a project, or part of the open one."""
        project = self.session.project
        other = f"Add to {project.path.resolve().name}" if project is not None else ""
        choice = FileChoice(paths)
        dialog = NewProjectDialog(choice, folder_for(paths), self, other=other)
        dialog.other_wanted.connect(lambda: self.annotate.images.changes.add(paths))
        dialog.created.connect(self._open_created)
        dialog.created.connect(lambda *_: self.train.use_channels(choice.chosen_channels()))
        dialog.open()

    def ask_new_project(self) -> None:
        """Open the form for a project of the open image layers."""
        layers = image_layers(self.viewer.layers)
        if not layers:
            self.say("Open some images in napari first (File > Open), then make a project of them.")
            return
        folder = free_folder(Path.home() / "seminar-project")
        dialog = NewProjectDialog(LayerChoice(layers), folder, self)
        dialog.created.connect(self._open_created)
        dialog.open()

    def _open_created(self, folder: Path, source: Any) -> None:
        for layer in image_layers(self.viewer.layers):
            layer.visible = False  # they stay, out of the way
        self.open_project(folder)
        if source is not None and self.session.image_layer is not None:
            self.session.keep_geometry(source)
            set_geometry(self.session.image_layer, self.session.layer_geometry())
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
            milliseconds = max(FOREIGN_CLICKS_MILLISECONDS, 10 * len(self.session.image_ids))
            self._foreign_timer.setInterval(milliseconds)

    def _use_foreign_clicks(self) -> None:
        for image_id in self.session.take_clicks_from_disk():
            self.say(f"Another program changed the clicks of {image_id}: they are shown now.")

    # the status line and the menu's other entries
    def say(self, text: str) -> None:
        """Show one line for a while."""
        self.status.setText(text)
        self.status.setVisible(bool(text))
        self._notice_timer.start()

    def show_keys(self) -> None:
        """Unfold the keys in the Annotate tab."""
        self.tabs.setCurrentWidget(self.annotate)
        self.annotate.show_keys()

    def show_log(self) -> None:
        """Open the log of the followed run."""
        run = self.session.run
        if run is None or not run.log_path.is_file():
            self.say("There is no log yet: it is written while a run goes on.")
        else:
            LogWindow(run.log_path, self).show()

    # dropped folders, the window
    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Accept a project, a folder of images, or image files."""
        if event is not None and dropped_paths(event, files=True):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open what was dropped, or ask what it is to become; on Export, predict it."""
        if event is None:
            return
        paths = dropped_paths(event, files=True)
        if self.export.isVisible() and paths and what_is(paths[0]) != "project":
            event.acceptProposedAction()
            self.export.images.choose(paths)
        else:
            self._window_events.drop(event, files=True)

    def showEvent(self, event: Any) -> None:
        """Watch the window as soon as there is one."""
        super().showEvent(event)
        canvas = getattr(self.viewer.window, "_qt_viewer", None)
        self._window_events.watch(self.window(), canvas)


def _save_all(session: weakref.ref[Any], annotation: weakref.ref[Any]) -> None:
    """Write everything: the dock is gone, or the process ends."""
    if (here := annotation()) is not None:
        here.close()
    if (there := session()) is not None:
        there.flush()
