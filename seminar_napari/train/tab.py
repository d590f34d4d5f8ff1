"""The tab *Train*: settings, start, the followed run and its curves."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari.utils.notifications import Notification, notification_manager
from napari.utils.theme import get_theme
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

from seminar.errors import SeminarError
from seminar.run.events import Event, Started
from seminar.run.folder import RunFolder
from seminar_napari.qt.activity import Activity
from seminar_napari.qt.builders import boxed, button, column, row, scrolled, timer, wrapped_label
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.run.command import shell_line, train_arguments
from seminar_napari.run.control import RunControl
from seminar_napari.run.log_window import LogWindow
from seminar_napari.run.project_runs import last_run, next_name, started_runs
from seminar_napari.session.session import Session
from seminar_napari.session.setting_labels import in_labels
from seminar_napari.train.close_guard import CloseGuard
from seminar_napari.train.cost_estimate import Costs
from seminar_napari.train.curves import Curves
from seminar_napari.train.devices import DeviceProbe
from seminar_napari.train.fitting_line import FittingLine
from seminar_napari.train.form.config_form import ConfigForm
from seminar_napari.train.progress import RunProgress
from seminar_napari.train.run_list import RunList
from seminar_napari.train.run_panel import RunPanel
from seminar_napari.train.speed import SpeedBook
from seminar_napari.train.warning_lines import WarningLines


class TrainTab(QWidget):
    """Everything about training, drawn from the session.

    Attributes
    ----------
    guard : CloseGuard or None
        Asks when napari is closed while a run goes on; None without a window.
    tab_wanted : Signal
        "inspect" or "export": the person wants to see that tab.
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
        self.train = button("Train", "Save all clicks and start a new run", self.start)
        self.resume_last = button(
            "Resume last",
            "Continue the last run of this project; if it has finished, for as many iterations "
            "again, with the clicks of now",
            self.resume_newest,
        )
        self.attach = button(
            "Attach…",
            "Follow a run that another process or another machine trains, or look at an old one",
            self._choose_run,
        )
        self.copy = button(
            "Copy command", "The same run as a line for a terminal or a cluster", self.copy_command
        )
        self.shown_settings = button(
            "Settings of this run", "Show or hide them; they cannot change now", checkable=True
        )
        self.shown_settings.toggled.connect(lambda _: self._draw())
        self.warnings = WarningLines(session)
        self.fitting = FittingLine(session, self.form)
        self.form.add_below(self.fitting)
        self.runs = RunList(session, self.control)
        self.hint = wrapped_label()
        self._draw_soon = timer(self, 30, self._draw, once=True)
        self._lay_out()
        self._connect()
        self.guard: CloseGuard | None = None
        if (window := getattr(getattr(viewer, "window", None), "_qt_window", None)) is not None:
            self.guard = CloseGuard(window, session, self.control)
            self._cleanup.add(self.guard.release)
        self.curves.setVisible(session.run is not None)
        self._take_theme()
        self._on_project(session.project)
        self._draw()

    # what the buttons do
    def start(self) -> None:
        """Train the open project with the settings shown."""
        name = next_name(self._session.project)
        self._try(lambda: self.control.start(name, self.form.read()))

    def resume(self, folder: RunFolder | None = None) -> None:
        """Continue this run, or else the followed one."""
        run = folder or self._session.run
        if run is not None:
            self._try(
                lambda: self.control.resume(run) if run.config_path.exists() else self.start()
            )

    def resume_newest(self) -> None:
        """Continue the project's last run; a finished one for as long again."""
        run = last_run(self._session.project)
        if run is not None:
            self.resume(run)

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
        run, project = self._session.run, self._session.project
        if run is not None and run.config_path.exists():
            return shell_line(train_arguments(run.project, run.path.name, run.read_config()))
        if project is None:
            raise SeminarError("no project is open; open one first")
        return shell_line(train_arguments(project.path, next_name(project), self.form.read()))

    def copy_command(self) -> None:
        """Put `command_line` on the clipboard."""
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            self._try(
                lambda: clipboard.setText(self.command_line()), "Copied. Paste it into a terminal."
            )

    def open_log(self) -> None:
        """Show the log of the followed run."""
        if self._session.run is not None:
            self._log_window = LogWindow(self._session.run.log_path, self)
            self._log_window.show()

    def shut_down(self) -> None:
        """Stop following and end the device probe, before the dock goes; the run goes on."""
        self._cleanup()

    # drawing
    def _lay_out(self) -> None:
        buttons = row(self.resume_last, self.attach, self.copy)
        upper = column(
            self.shown_settings, self.form, self.warnings, self.train, buttons, self.hint, self.runs
        )
        content = column(upper, self.curves, stretch=1, margin=6)
        content.addStretch(0)
        # the run does not scroll: its buttons and its progress stay in sight
        self.setLayout(column(self.panel, scrolled(boxed(content)), stretch=1, spacing=0))

    def _connect(self) -> None:
        session, panel = self._session, self.panel
        self._cleanup = Cleanup(self.control.close, self.devices.close, self.activity.end)
        for signal, slot in (
            (session.project_changed, self._on_project),
            (session.run_changed, self._on_run),
            (session.state_changed, self._on_state),
            (session.event_received, self._on_event),
            (self.control.failed, self._notify),
            (self.control.changed, self._draw_a_little_later),
            (self.devices.answered, self._on_devices),
            (self.devices.failed, self._say),
        ):
            self._cleanup.connect(signal, slot)
        if (theme := getattr(getattr(self._viewer, "events", None), "theme", None)) is not None:
            self._cleanup.connect(theme, self._take_theme)
        self.destroyed.connect(self._cleanup)
        self.form.changed.connect(self._on_form)
        self.runs.continue_wanted.connect(self.resume)
        self.form.weights_chosen.connect(session.weights_changed.emit)
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
        self.fitting.look_soon()

    def _draw(self) -> None:
        going = self.control.is_going
        project = self._session.project
        self.form.setEnabled(not going)
        self.shown_settings.setVisible(going)
        self.form.setVisible(not going or self.shown_settings.isChecked())
        self.warnings.set_wanted(not going)
        for offered in (self.train, self.resume_last, self.attach):
            offered.setVisible(not going)
        self.train.setEnabled(project is not None)
        if not going:
            self.resume_last.setEnabled(bool(started_runs(project)))
        self.copy.setEnabled(project is not None or self._session.run is not None)
        name = self._session.run.path.name if self._session.run is not None else ""
        message = in_labels(self.control.message)
        self.panel.show_state(self._session.state, name, message, self.control.silent_seconds)
        trouble = message if going else ""
        if trouble != self._trouble:
            self._trouble = trouble
            self._say(trouble)
        progress = self.panel.progress
        if not going:
            self.activity.end()
        elif progress.start:
            self.activity.show(f"Training {name}", *progress.part)
        elif progress.step:
            text = f"Training {name} · {progress.numbers_text}"
            self.activity.show(text, progress.done, progress.total)
        else:
            self.activity.show(f"Training {name}")

    def use_channels(self, channels: Sequence[int]) -> None:
        """Learn from these channels of the project's images; none for all."""
        self._session.use_channels(channels)
        with contextlib.suppress(SeminarError):  # reported when the person presses Train
            if self.form.value("channels") != self._session.channels:
                self.form.write(self.form.read().replace(channels=self._session.channels))

    def _on_project(self, project: Any) -> None:
        self.use_channels(self._session.channels)  # those of another project are no longer right
        self._say("" if project is not None else "Open a project first (tab Annotate).")
        self.costs.show()
        self._draw()

    def _on_run(self, run: RunFolder | None) -> None:
        self.panel.progress = RunProgress()
        self.curves.clear()
        self.curves.setVisible(run is not None)
        if run is not None and run.config_path.exists():  # attached or resumed
            with contextlib.suppress(SeminarError, OSError):  # reported where the file is needed
                self.form.write(run.read_config())
                self._session.use_split(self.form.value("split"))
                self._session.use_channels(self.form.value("channels"))
        self._draw()

    def _on_state(self, state: str) -> None:
        supervisor, run = self.control.supervisor, self._session.run
        is_ours = supervisor is not None and supervisor.owns_process
        if state in ("finished", "stopped", "lost") and is_ours and run is not None:
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
        if not self._draw_soon.isActive():  # many past events come at once
            self._draw_soon.start()

    def _on_form(self) -> None:
        self._say("")
        self.costs.show()
        self._session.use_split(self.form.value("split"))
        with contextlib.suppress(SeminarError):  # half typed
            self._session.use_channels(self.form.value("channels"))

    def _on_devices(self, devices: Any) -> None:
        self.form.show_devices(devices)
        self.costs.show()

    def _take_theme(self, event: Any = None) -> None:
        theme = getattr(self._viewer, "theme", None)
        if theme is not None:
            colours = get_theme(theme)
            self.curves.set_colours(colours.text.as_hex(), colours.background.as_hex())

    # small things
    def _choose_run(self) -> None:
        project = self._session.project
        start = str(project.runs_path) if project is not None else ""
        folder = QFileDialog.getExistingDirectory(self, "Run folder", start)
        if folder:
            self.attach_to(Path(folder))

    def _try(self, action: Callable[[], object], done: str = "") -> None:
        try:
            action()
        except SeminarError as error:
            self._say(str(error))
        else:
            if done:
                self._say(done)

    def _say(self, text: str) -> None:
        text = in_labels(text)
        self.hint.setText(text[:1].upper() + text[1:])
        self.hint.setVisible(bool(text))

    def _notify(self, message: str) -> None:
        tab = weakref.ref(self)  # napari keeps every notification

        def open_log(*_: object) -> None:
            if (alive := tab()) is not None:
                alive.open_log()

        text = f"Training failed: {in_labels(message)}"
        notice = Notification(text, "error", actions=(("Open log", open_log),))
        notification_manager.dispatch(notice)
