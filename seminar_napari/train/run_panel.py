"""The followed run: its state, its progress, and the buttons that go with them."""

from __future__ import annotations

import time

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QWidget

from seminar_napari.qt.builders import (
    button,
    column,
    row,
    show_progress,
    timer,
    wrapped_label,
)
from seminar_napari.session.followed_run import RunState
from seminar_napari.train.progress import SILENT_SECONDS, RunProgress, duration

GOING = ("starting", "running", "paused", "stopping")

END_NOW_SECONDS = 10.0
"""After this long, a trainer that does not stop may be killed."""


class RunPanel(QWidget):
    """Draws a run; its buttons emit what the person wants."""

    pause_wanted = Signal()
    go_on_wanted = Signal()
    stop_wanted = Signal()
    end_now_wanted = Signal()
    resume_wanted = Signal()
    log_wanted = Signal()
    detach_wanted = Signal()
    tab_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.progress = RunProgress()
        self._state: RunState = "none"
        self._name = ""
        self._message = ""
        self._silent = 0.0
        self._since = time.monotonic()
        self._pausing = False
        self.headline = wrapped_label()
        self.headline.setStyleSheet("font-weight: bold")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(10)
        self.numbers = wrapped_label()
        self.numbers.setToolTip("Time left · iterations a second (it/s) · memory · last score")
        self.note = wrapped_label()
        self.pause = button(
            "Pause", "Wait after this iteration; memory stays in use", self._pause_or_go_on
        )
        self.stop = button(
            "Stop and save",
            "End after this iteration; the run can be resumed",
            self.stop_wanted.emit,
        )
        self.end_now = button(
            "End now",
            "Kill the process that does not answer; the last checkpoint is kept",
            self.end_now_wanted.emit,
        )
        self.detach = button(
            "Detach",
            "Stop following the run; it goes on without the window",
            self.detach_wanted.emit,
        )
        self.resume = button(
            "Resume",
            "Continue from the last checkpoint, with the run's own settings",
            self.resume_wanted.emit,
        )
        self.log = button("Open log", "What the trainer printed", self.log_wanted.emit)
        self.inspect = button(
            "Inspect", "Look at the masks", lambda: self.tab_wanted.emit("inspect")
        )
        self.export = button(
            "Export", "Predict all images, save the model", lambda: self.tab_wanted.emit("export")
        )
        self.setLayout(
            column(
                self.headline,
                self.bar,
                self.numbers,
                row(self.pause, self.stop, self.end_now, self.detach),
                row(self.resume, self.log, self.inspect, self.export),
                self.note,
                spacing=4,
                margin=6,
            )
        )
        self._tick = timer(self, 500, self.draw)
        self.show_state("none", "", "")

    def show_state(
        self, state: RunState, name: str, message: str, silent_seconds: float = 0.0
    ) -> None:
        """Draw this state of the run called `name`."""
        if state != self._state or name != self._name:
            self._since = time.monotonic()
            self._pausing = False
        self._state, self._name, self._message, self._silent = state, name, message, silent_seconds
        self._tick.start() if state in GOING else self._tick.stop()
        self.draw()

    def draw(self) -> None:
        """Bring everything up to date."""
        state, progress = self._state, self.progress
        self.setVisible(state != "none")
        going = state in GOING
        self.headline.setText(self._headline())
        self.bar.setVisible(going)
        done, total = progress.part
        show_progress(self.bar, done, total * (state != "starting"))
        self.numbers.setText(self._numbers())
        self.note.setText(progress.note)
        for label in (self.headline, self.numbers, self.note):
            label.setVisible(bool(label.text()))
        self.pause.setVisible(going and state != "stopping")
        self.pause.setEnabled(state in ("running", "paused") and not self._pausing)
        self.pause.setText(
            "Continue" if state == "paused" else "Pausing…" if self._pausing else "Pause"
        )
        self.stop.setVisible(going)
        self.stop.setEnabled(state != "stopping")
        self.stop.setText("Stopping…" if state == "stopping" else "Stop and save")
        self.end_now.setVisible(
            state == "stopping" and time.monotonic() - self._since > END_NOW_SECONDS
        )
        self.detach.setVisible(going and state != "stopping")
        self.resume.setVisible(state in ("stopped", "failed", "lost"))
        saved = progress.saved
        self.resume.setText(f"Resume from iteration {saved.iteration}" if saved else "Start again")
        self.log.setVisible(state in ("failed", "lost"))
        self.inspect.setVisible(state == "finished")
        self.export.setVisible(state in ("finished", "stopped"))

    def _headline(self) -> str:
        stage = self.progress.stage_text
        match self._state:
            case "none":
                return ""
            case "starting":
                return f"{self._name}: starting, {time.monotonic() - self._since:.0f} s"
            case "running":
                return stage or f"{self._name}: getting ready"
            case "paused":
                return f"Paused · {stage}"
            case "stopping":
                return "Stopping: saving after this iteration"
            case "stopped":
                return (
                    f"{self._name} stopped · {stage}"
                    if stage
                    else f"{self._name} stopped before its first iteration"
                )
            case "finished":
                score = self.progress.score_text
                return f"{self._name} finished" + (f" · {score}" if score else "")
            case "failed":
                return f"{self._name} failed: {self._message}"
            case "lost":
                return f"{self._name} lost: {self._message}"

    def _numbers(self) -> str:
        if self._state not in ("running", "stopping", "paused"):
            return ""
        parts = [self.progress.numbers_text, self.progress.score_text]
        if self._state == "running" and self._silent > SILENT_SECONDS:
            parts.append(f"no news for {duration(self._silent)}")
        return " · ".join(part for part in parts if part)

    def _pause_or_go_on(self) -> None:
        if self._state == "paused":
            self.go_on_wanted.emit()
        else:
            self._pausing = True
            self.pause_wanted.emit()
        self.draw()
