"""The tab *Train*: settings, start, the followed run, its curves."""

from __future__ import annotations

import contextlib
import weakref
from pathlib import Path
from typing import Any

from napari.utils.notifications import Notification, notification_manager
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from seminar.errors import SeminarError
from seminar.run.events import Event, Started
from seminar.run.folder import RunFolder
from seminar_napari.qt.activity import Activity
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.run.command import next_run_name, resume_arguments, shell_line, train_arguments
from seminar_napari.run.control import RunControl
from seminar_napari.run.log_window import LogWindow
from seminar_napari.run.past_events import is_finished
from seminar_napari.session.session import Session
from seminar_napari.train.close_guard import CloseGuard
from seminar_napari.train.config_form import ConfigForm
from seminar_napari.train.cost_estimate import Costs
from seminar_napari.train.curves import Curves
from seminar_napari.train.devices import DeviceProbe
from seminar_napari.train.progress import RunProgress
from seminar_napari.train.run_panel import RunPanel
from seminar_napari.train.speed import SpeedBook
from seminar_napari.train.warning_lines import WarningLines


class TrainTab(QWidget):
    """Everything about training, drawn from the session.

    Attributes
    ----------
    control : RunControl
    guard : CloseGuard or None
        Asks when napari is closed with a run going; None without a window.
    tab_wanted : Signal
        "inspect" or "export": the person wants to go on there.
    """

    tab_wanted = Signal(str)

    def __init__(
        self,
        session: Session,
        viewer: Any,
        parent: QWidget | None = None,
        *,
        speeds: SpeedBook | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._viewer = viewer
        self._log_window: LogWindow | None = None
        self._trouble = ""
        self.control = RunControl(session)
        self.devices = DeviceProbe()
        self.form = ConfigForm()
        self.costs = Costs(self.form, self.devices, speeds or SpeedBook())
        self.panel = RunPanel()
        self.curves = Curves()
        self.activity = Activity(self.control.stop, self)
        self.train = _button("Train", "Save all clicks and start a new run")
        self.resume_last = _button(
            "Resume last", "Go on with the newest run of this project that has not finished"
        )
        self.attach = _button(
            "Attach…",
            "Follow a run that another process or another machine trains, or look at an old one",
        )
        self.copy = _button("Copy command", "The same run as a line for a terminal or a cluster")
        self.warnings = WarningLines(session)
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.hint.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._draw_soon = QTimer(self)
        self._draw_soon.setSingleShot(True)
        self._draw_soon.setInterval(30)
        self._draw_soon.timeout.connect(self._draw)
        self._lay_out()
        self._connect()
        window = getattr(getattr(viewer, "window", None), "_qt_window", None)
        self.guard = CloseGuard(window, session, self.control) if window is not None else None
        if self.guard is not None:
            self._cleanup.add(self.guard.release)
        self._take_theme()
        self._on_project(session.project)
        self._draw()

    # what the buttons do
    def start(self) -> None:
        """Train the open project with the settings shown."""
        self._try(lambda: self.control.start(self._next_name(), self.form.read()))

    def resume(self, folder: RunFolder | None = None) -> None:
        """Go on with this run, else with the followed one."""
        run = folder or self._session.run
        if run is not None:
            self._try(
                lambda: self.control.resume(run) if run.config_path.exists() else self.start()
            )

    def resume_newest(self) -> None:
        """Go on with the project's newest run that is not finished."""
        project = self._session.project
        for name in reversed(self._started_runs()):
            if project is not None and not is_finished(run := RunFolder.of(project.path, name)):
                self.resume(run)
                return
        self._say("All runs of this project are finished; start a new one with Train.")

    def attach_to(self, folder: Path) -> None:
        """Follow the run in this folder."""
        self._try(lambda: self.control.attach(RunFolder(folder)))

    def command_line(self) -> str:
        """The `seminar train` line of the followed run; of the next one where none is followed.

        Raises
        ------
        SeminarError
            No project, or settings that contradict each other.
        """
        run = self._session.run
        if run is not None and run.config_path.exists():
            return shell_line(train_arguments(run.project, run.path.name, run.read_config()))
        project = self._session.project
        if project is None:
            raise SeminarError("no project is open; open one first")
        return shell_line(train_arguments(project.path, self._next_name(), self.form.read()))

    def resume_line(self) -> str:
        """The `seminar train … --resume` line of the followed run; empty where none is."""
        return (
            shell_line(resume_arguments(self._session.run)) if self._session.run is not None else ""
        )

    def copy_command(self) -> None:
        """Put `command_line` on the clipboard."""
        self._try(self._copy)

    def open_log(self) -> None:
        """Show the log of the followed run."""
        if self._session.run is not None:
            self._log_window = LogWindow(self._session.run.log_path, self)
            self._log_window.show()

    def shut_down(self) -> None:
        """Before the dock goes: follow no longer, end the device probe; the run itself goes on."""
        self._cleanup()

    # drawing
    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        column.addWidget(self.form)
        column.addWidget(self.warnings)
        column.addWidget(self.train)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.resume_last, self.attach, self.copy, self.panel.detach):
            buttons.addWidget(button)
        column.addLayout(buttons)
        column.addWidget(self.hint)
        column.addWidget(self.panel)
        column.addWidget(self.curves, 1)
        column.addStretch(0)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _connect(self) -> None:
        session, panel = self._session, self.panel
        self._cleanup = Cleanup(self.control.close, self.devices.close, self.activity.end)
        self._cleanup.connect(session.project_changed, self._on_project)
        self._cleanup.connect(session.run_changed, self._on_run)
        self._cleanup.connect(session.state_changed, self._on_state)
        self._cleanup.connect(session.event_received, self._on_event)
        self._cleanup.connect(self.control.failed, self._notify)
        self._cleanup.connect(self.control.changed, self._draw_a_little_later)
        self._cleanup.connect(self.devices.answered, self._on_devices)
        self._cleanup.connect(self.devices.failed, self._say)
        if (theme := getattr(getattr(self._viewer, "events", None), "theme", None)) is not None:
            self._cleanup.connect(theme, self._take_theme)
        self.destroyed.connect(self._cleanup)
        self.form.changed.connect(self._on_form)
        self.train.clicked.connect(lambda: self.start())
        self.resume_last.clicked.connect(self.resume_newest)
        self.attach.clicked.connect(self._choose_run)
        self.copy.clicked.connect(self.copy_command)
        panel.pause_wanted.connect(self.control.pause)
        panel.go_on_wanted.connect(self.control.go_on)
        panel.stop_wanted.connect(self.control.stop)
        panel.end_now_wanted.connect(self.control.end_now)
        panel.detach_wanted.connect(self.control.detach)
        panel.resume_wanted.connect(lambda: self.resume())
        panel.log_wanted.connect(self.open_log)
        panel.tab_wanted.connect(self.tab_wanted)

    def showEvent(self, event: Any) -> None:
        """Ask for the devices when the tab is first looked at, not when napari starts."""
        super().showEvent(event)
        self.devices.ask()
        self.warnings.draw_soon()

    def _draw(self) -> None:
        going = self.control.is_going
        project = self._session.project
        self.form.setEnabled(not going)
        self.warnings.set_wanted(not going)
        for button in (self.train, self.resume_last, self.attach):
            button.setVisible(not going)
        self.train.setEnabled(project is not None)
        if not going:
            self.resume_last.setEnabled(bool(self._started_runs()))
        self.copy.setEnabled(project is not None or self._session.run is not None)
        name = self._session.run.path.name if self._session.run is not None else ""
        self.panel.show_state(
            self._session.state, name, self.control.message, self.control.silent_seconds
        )
        progress = self.panel.progress
        trouble = self.control.message if going else ""
        if trouble != self._trouble:
            self._trouble = trouble
            self._say(trouble)
        if going:
            text = f"Training {name}" + (f" · {progress.numbers_text}" if progress.step else "")
            self.activity.show(
                text, progress.done if progress.step else 0, progress.total if progress.step else 0
            )
        else:
            self.activity.end()

    def _on_project(self, project: Any) -> None:
        self.hint.setText("" if project is not None else "Open a project first (tab Annotate).")
        self.hint.setVisible(bool(self.hint.text()))
        self.costs.show()
        self._draw()

    def _on_run(self, run: RunFolder | None) -> None:
        self.panel.progress = RunProgress()
        self.curves.clear()
        self.curves.setVisible(run is not None)
        if (
            run is not None and run.config_path.exists()
        ):  # attached or resumed: show what it is trained with
            with contextlib.suppress(SeminarError, OSError):  # said when it is of importance
                self.form.write(run.read_config())
                self._session.use_split(self.form.value("split"))
        self._draw()

    def _on_state(self, state: str) -> None:
        supervisor, run = self.control.supervisor, self._session.run
        if (
            state in ("finished", "stopped", "lost")
            and supervisor is not None
            and supervisor.owns_process
            and run is not None
        ):
            self.costs.learn(run, self.panel.progress)
        if state == "starting":
            self._say("")
        self._draw()

    def _on_event(self, event: Event, when: float) -> None:
        self.panel.progress.take(event)
        self.curves.take(event)
        if isinstance(event, Started):
            self.curves.setVisible(True)
        self._draw_a_little_later()

    def _draw_a_little_later(self) -> None:
        if not self._draw_soon.isActive():  # many events of a run's past come at once
            self._draw_soon.start()

    def _on_form(self) -> None:
        self._say("")
        self.costs.show()
        self._session.use_split(self.form.value("split"))

    def _on_devices(self, devices: Any) -> None:
        self.form.show_devices(devices)
        self.costs.show()

    def _take_theme(self, event: Any = None) -> None:
        theme = getattr(self._viewer, "theme", None)
        if theme is not None:
            colours = get_theme(theme)
            self.curves.set_colours(colours.text.as_hex(), colours.background.as_hex())

    # small things
    def _next_name(self) -> str:
        return next_run_name(self._started_runs())

    def _started_runs(self) -> tuple[str, ...]:
        """Runs of the project, newest last; without those that failed before they began, whose
        names are free.
        """
        project = self._session.project
        return (
            tuple(
                name
                for name in (project.runs() if project else ())
                if RunFolder.of(project.path, name).config_path.exists()
            )
            if project
            else ()
        )

    def _choose_run(self) -> None:
        project = self._session.project
        start = str(project.runs_path) if project is not None else ""
        folder = QFileDialog.getExistingDirectory(self, "Run folder", start)
        if folder:
            self.attach_to(Path(folder))

    def _copy(self) -> None:
        line = self.command_line()
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(line)
            self._say("Copied. Paste it into a terminal.")

    def _try(self, action: Any) -> None:
        try:
            action()
        except SeminarError as error:
            self._say(str(error))

    def _say(self, text: str) -> None:
        self.hint.setText(text[:1].upper() + text[1:])
        self.hint.setVisible(bool(text))

    def _notify(self, message: str) -> None:
        tab = weakref.ref(
            self
        )  # napari keeps every notification, and must not keep the window with it

        def open_log(*_: object) -> None:
            if (alive := tab()) is not None:
                alive.open_log()

        notice = Notification(
            f"Training failed: {message}", "error", actions=(("Open log", open_log),)
        )
        notification_manager.dispatch(notice)


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
