"""The session's run: one supervisor in a napari worker, its news reported in the window."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from napari.qt.threading import thread_worker
from psygnal import Signal
from qtpy.QtCore import QCoreApplication, QEvent, QThread

from seminar.config.settings import TrainConfig
from seminar.errors import SeminarError
from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.qt.cleanup import Cleanup
from seminar_napari.run.command import resume_arguments, train_arguments
from seminar_napari.run.project_runs import lengthened, run_to_show
from seminar_napari.run.supervisor import News, Supervisor
from seminar_napari.session.followed_run import GOING
from seminar_napari.session.session import Session
from seminar_napari.workers.child import seminar_command


class RunControl:
    """Start, resume, attach to, pause and stop the session's run. Every method returns at once.

    Attributes
    ----------
    message : str
        Why the run failed or is lost; else empty.
    silent_seconds : float
        Time since the run's last sign of life.
    """

    failed = Signal(str)  # once for each run that fails before our eyes; the sentence to show
    changed = Signal()  # another message, or a second more or less of silence

    def __init__(self, session: Session) -> None:
        self.message = ""
        self.silent_seconds = 0.0
        self._session = session
        self._supervisor: Supervisor | None = None
        self._unfinished: set[Supervisor] = set()
        self._left: dict[Path, RunFolder] = {}  # by project: still going when it was closed
        self._cleanup = Cleanup()
        self._cleanup.connect(session.image_changed, self._ask_for_preview)
        self._cleanup.connect(session.run_changed, self._leave_other)
        self._cleanup.connect(session.project_changed, self._follow_again)

    @property
    def supervisor(self) -> Supervisor | None:
        """The one at work, or the last one."""
        return self._supervisor

    @property
    def is_going(self) -> bool:
        """Whether a run is followed that has not ended."""
        return self._session.state in GOING

    def start(self, name: str, config: TrainConfig) -> None:
        """Train the open project in the new run `name`, all clicks on disk first.

        Raises
        ------
        SeminarError
            No project, clicks that cannot be saved, a run that goes on, or a name that is taken.
        """
        project = self._session.project
        if project is None:
            raise SeminarError("no project is open; open one first")
        folder = RunFolder.of(project.path, name)
        if folder.config_path.exists():
            raise SeminarError(f"run '{name}' exists already; choose another name, or resume it")
        self._begin(folder, seminar_command(train_arguments(project.path, name, config)))

    def resume(self, folder: RunFolder) -> None:
        """Go on with an old run, with its own settings and the clicks of now.

        A run that is finished trains for as many iterations again, see `lengthened`.

        Raises
        ------
        SeminarError
            The run goes on already (attach to it), or another one does.
        """
        if folder.is_alive() is not False and not (
            self._session.run == folder and self._session.state == "lost"
        ):
            raise SeminarError(f"{folder.path.name}: a process trains in it; attach to it instead")
        self._refuse_second_run()
        config = lengthened(folder)
        if config != folder.read_config():
            folder.write_config(config)
        self._begin(folder, seminar_command(resume_arguments(folder)))

    def _begin(self, folder: RunFolder, command: Sequence[str]) -> None:
        self._refuse_second_run()
        if not self._session.flush():
            raise SeminarError(
                f"clicks of {', '.join(self._session.unsaved())} are not on disk yet; make room or "
                "give access, then train"
            )
        self._follow(folder, command)

    def attach(self, folder: RunFolder) -> None:
        """Follow a run that another process or another machine trains, or look at an old one.

        Raises
        ------
        SeminarError
            No run there, or another one is followed that has not ended.
        """
        if not folder.config_path.exists() and not folder.events_path.exists():
            raise SeminarError(
                f"{folder.path}: expected a run folder with config.toml and events.jsonl, found "
                "neither; choose a folder in a project's runs/"
            )
        self._refuse_second_run()
        self._follow(folder, None)

    def _refuse_second_run(self) -> None:
        if self.is_going and self._session.run is not None:
            raise SeminarError(
                f"{self._session.run.path.name} is still going; stop it, or detach from it, first"
            )

    def pause(self) -> None:
        """Ask the trainer to wait after this iteration."""
        if self._supervisor is not None:
            self._supervisor.pause()

    def go_on(self) -> None:
        """End a pause."""
        if self._supervisor is not None:
            self._supervisor.go_on()

    def stop(self) -> None:
        """Ask the trainer to save and end; the session says "stopping" at once."""
        if self._supervisor is not None and self.is_going:
            self._session.set_state("stopping")
            self._supervisor.stop()

    def end_now(self) -> None:
        """Kill a trainer of this machine that does not answer."""
        if self._supervisor is not None:
            self._supervisor.end_now()

    def detach(self) -> None:
        """Stop following; the run goes on without the window."""
        self._detach()
        self._session.set_run(None)

    def close(self) -> None:
        """Stop following and wait for the worker's thread; the process goes on."""
        self._cleanup()
        self._detach()
        self._wait_for_workers()

    # following
    def _follow(self, folder: RunFolder, command: Sequence[str] | None) -> None:
        before = self._supervisor
        is_same = before is not None and before.folder == folder == self._session.run
        known = before.offset if before is not None and is_same else 0
        self._halt()
        self.message, self.silent_seconds = "", 0.0
        supervisor = self._supervisor = Supervisor(folder, command, known)
        self._unfinished.add(supervisor)
        self._session.set_run(folder)
        self._session.set_state("starting")
        worker = _follow(supervisor)
        worker.yielded.connect(lambda news: self._take(supervisor, news))
        worker.finished.connect(lambda: self._end(supervisor))
        worker.start()
        self._ask_for_preview(self._session.image_id)

    def _take(self, supervisor: Supervisor, news: News) -> None:
        if supervisor is not self._supervisor:
            return
        for event, when in news.events:
            self._session.receive(event, when)
            if supervisor is not self._supervisor:
                return
        state = "stopping" if supervisor.stop_wanted and news.state in GOING else news.state
        silent = int(news.silent_seconds)
        is_news = (news.message, silent) != (self.message, int(self.silent_seconds))
        self.message, self.silent_seconds = news.message, news.silent_seconds
        state_before = self._session.state
        was_going = supervisor.owns_process or (self.is_going and state_before != "starting")
        new_failure = state == "failed" and state_before != "failed" and was_going
        self._session.set_state(state)
        if new_failure:
            self.failed.emit(news.message)
        if is_news:
            self.changed.emit()

    def _end(self, supervisor: Supervisor) -> None:
        supervisor.release()
        self._unfinished.discard(supervisor)

    def _halt(self) -> None:
        """Have the worker end at its next look."""
        if self._supervisor is not None:
            self._supervisor.leave()

    def _detach(self) -> None:
        """Stop following, and end a pause: nobody else would, and a paused run keeps its memory."""
        if self._supervisor is not None:
            if self.is_going:
                self._supervisor.go_on()
            self._halt()
            self._supervisor = None

    def _wait_for_workers(self) -> None:
        """Wait until napari knows that their threads ended: it would ask when the window closes."""
        deadline = time.monotonic() + 2
        while self._unfinished and time.monotonic() < deadline:
            QCoreApplication.sendPostedEvents(None, QEvent.Type.MetaCall)
            QThread.msleep(5)
        for supervisor in tuple(self._unfinished):  # its worker never came to start
            self._end(supervisor)

    def _ask_for_preview(self, image_id: str) -> None:
        if image_id and self._supervisor is not None and self.is_going:
            self._supervisor.request_preview(image_id)

    def _leave_other(self, run: RunFolder | None) -> None:
        left = self._supervisor
        if left is None or left.folder == run:
            return
        if self.is_going:
            name, project = left.folder.path.name, left.folder.project
            self._left[project] = left.folder
            text = (
                f"trains on without the window; it is followed again when {project.name} is opened"
            )
            if left.stop_wanted:
                text = "saves and ends without the window"
            self._session.notice.emit(f"{name} {text}.")
        self._detach()

    def _follow_again(self, project: Project | None) -> None:
        """Attach to the run that was left going when this project was closed, if it still is.

        Or else to the run that a project opens with: its mask, curves and score are shown.
        """
        left = self._left.pop(project.path, None) if project is not None else None
        if left is None or left.is_alive() is False:
            left = run_to_show(project)
        if left is not None:
            self.attach(left)


@thread_worker  # type: ignore[untyped-decorator,unused-ignore]
def _follow(supervisor: Supervisor) -> Iterator[News]:
    yield from supervisor.follow()
