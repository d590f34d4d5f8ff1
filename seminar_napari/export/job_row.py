"""One job at a time: its progress, *Cancel*, and its outcome in a few lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from napari.qt.threading import thread_worker
from qtpy.QtCore import QThread, Signal
from qtpy.QtWidgets import QProgressBar, QWidget

from seminar_napari.qt.activity import Activity
from seminar_napari.qt.builders import button, column, row, show_progress, wrapped_label
from seminar_napari.workers.job import Job, JobNews

RESULT_LINES = 6
PATIENCE_SECONDS = 8


class JobRow(QWidget):
    """Follows a job in the background and shows it, here and in napari's activity dock.

    Attributes
    ----------
    job : Job or None
        The job that runs, or ran last.
    busy : bool
        It runs.
    changed : Signal
        A job has begun or ended.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.job: Job | None = None
        self.busy = False
        self.worker: Any = None
        self._title = ""
        self.activity = Activity(self.cancel, self)
        self.bar = QProgressBar()
        self.bar.setMaximumHeight(14)
        self.stop = button("Cancel", action=self.cancel)
        self.result = wrapped_label(selectable=True)
        self.setLayout(column(row(self.bar, self.stop, stretch=0), self.result))
        self._draw()

    def start(self, title: str, job: Job) -> None:
        """Run a job, unless one runs already."""
        if self.busy:
            return
        self.job, self.busy, self._title = job, True, title
        self.result.setText(f"{title}…")
        worker = self.worker = _follow(job)
        worker.yielded.connect(self._on_news)
        worker.finished.connect(self._on_end)
        worker.start()
        self._on_news(JobNews(0, 0))
        self._draw()

    def say(self, text: str) -> None:
        """Show why nothing was started, in place of the last result."""
        if not self.busy:
            self.result.setText(f"⚠ {text}")

    def cancel(self) -> None:
        """End the job soon."""
        if self.busy:
            self.cancel_silently()
            self.result.setText("Cancelling…")

    def cancel_silently(self) -> None:
        """End the job soon, also when the widgets are gone."""
        if self.job is not None and self.busy:
            self.job.cancel()

    def shut_down(self) -> None:
        """End the job and wait until its process is gone."""
        self.cancel_silently()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.worker is not None and self.worker.is_running and time.monotonic() < deadline:
            QThread.msleep(20)
        self.activity.end()

    def _on_news(self, news: JobNews) -> None:
        if not self.busy:
            return
        show_progress(self.bar, news.done, news.total)
        self.activity.show(self._title, news.done, news.total)

    def _on_end(self) -> None:
        self.busy = False
        self.activity.end()
        outcome = self.job.outcome if self.job is not None else None
        if outcome is not None:
            expected = outcome.ended or outcome.text.startswith("Cancelled")
            lines = (outcome.text if expected else f"⚠ {outcome.text}").splitlines()
            more = [f"… and {len(lines) - RESULT_LINES} more"] if len(lines) > RESULT_LINES else []
            self.result.setText("\n".join([*lines[:RESULT_LINES], *more]))
        self._draw()

    def _draw(self) -> None:
        self.bar.setVisible(self.busy)
        self.stop.setVisible(self.busy)
        self.changed.emit()


@thread_worker  # type: ignore[untyped-decorator,unused-ignore]
def _follow(job: Job) -> Iterator[JobNews]:
    yield from job.follow()
