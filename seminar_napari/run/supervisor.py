"""Follows a run through its folder: start, stop, pause, attach; no Qt here.

starting ──▶ running ◀──▶ paused
    │           │            │
    │           ├────────────┴──▶ stopping   (reported at once; the trainer follows soon)
    ▼           ▼                    ▼
  failed     finished             stopped        lost: the process ended without an event
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from seminar.run.events import (
    CheckpointSaved,
    Continued,
    Event,
    Failed,
    Finished,
    Paused,
    StageStarted,
    Started,
    StartLearnt,
    Step,
)
from seminar.run.folder import RunFolder
from seminar_napari.run.past_events import Entry, thinned
from seminar_napari.run.trainer_process import TrainerProcess
from seminar_napari.session.followed_run import RunState

LOOKS_PER_SECOND = 10
HISTORY_PART = 200
SILENCE_SECONDS = 300.0
"""A run on another machine, which cannot be asked, is lost after this long without an event."""

ENDED: tuple[RunState, ...] = ("stopped", "finished", "failed")


@dataclass(frozen=True)
class News:
    """Result of one look at a run.

    Attributes
    ----------
    events : tuple of (Event, float)
        New events and their times, seconds since the epoch.
    state : RunState
    message : str
        Why a run failed or is lost, with a remedy, or why a request did not reach it; else empty.
    silent_seconds : float
        Time since the last sign of life.
    over : bool
        Nothing more will come.
    """

    events: tuple[Entry, ...]
    state: RunState
    message: str = ""
    silent_seconds: float = 0.0
    over: bool = False


class Supervisor:
    """Follows one run, and owns its process if it started it.

    `follow` runs in a worker thread and does all that touches a disk; the other methods only leave
    a request and return at once.

    Parameters
    ----------
    folder : RunFolder
    command : sequence of str or None
        Start this process; None attaches to a run that was started elsewhere, or is over.
    offset : int
        Begin behind this byte of events.jsonl: what comes before is known already.
    """

    def __init__(
        self, folder: RunFolder, command: Sequence[str] | None = None, offset: int = 0
    ) -> None:
        self.folder = folder
        self.offset = offset
        self.stop_wanted = False
        self.saved: CheckpointSaved | None = None
        self._process = TrainerProcess(folder, command)
        self._state: RunState = "starting"
        self._failure = ""
        self._trouble = ""
        self._heard = time.monotonic()
        self._requests: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._leaving = False

    # requests, from the window's thread
    def stop(self) -> None:
        """Ask the trainer to save and end, also out of a pause."""
        self.stop_wanted = True
        self._request(self._request_stop)

    def pause(self) -> None:
        self._request(self.folder.request_pause)

    def go_on(self) -> None:
        """End a pause."""
        self._request(self.folder.request_continue)

    def request_preview(self, image_id: str) -> None:
        self._request(lambda: self._request_preview(image_id))

    def end_now(self) -> None:
        """Kill a process of this machine that does not answer; the last checkpoint is kept."""
        self.stop_wanted = True
        self._request(self._process.kill)

    def leave(self) -> None:
        """Stop following; the process goes on."""
        self._leaving = True
        self._wake.set()

    def _request(self, action: Callable[[], None]) -> None:
        self._requests.append(action)
        self._wake.set()

    @property
    def owns_process(self) -> bool:
        """Whether the run is started here, rather than attached to."""
        return self._process.command is not None

    @property
    def pid(self) -> int | None:
        """The process that this supervisor started."""
        return self._process.pid

    # in the worker
    def follow(self) -> Iterator[News]:
        """Start the process if there is one to start, then look until the run is over.

        A look at a disk that is away reports so, and is not the last one.
        """
        try:
            yield from self._past()
            if not self._leaving:
                self._process.start()
        except OSError as error:
            reason = f"{self._explained(error)}; make room or give access, then start again"
            yield News((), "failed", reason, over=True)
            return
        while not self._leaving:
            self._send_requests()
            news = self.look()
            yield news
            if news.over:
                return
            self._wake.wait(1 / LOOKS_PER_SECOND)
            self._wake.clear()

    def release(self) -> None:
        """After following: let a process that still runs run on without leaving a zombie."""
        self._send_requests()
        self._process.leave()

    def look(self) -> News:
        """What happened since the last look."""
        # before reading: a process that is gone has written all it ever will
        alive = self._process.look()
        try:
            entries = tuple(self._read())
        except OSError as error:  # a stale handle, a virus scanner: read at the next look
            trouble = f"{self._explained(error)}; tried again"
            return News((), self._shown(), trouble, time.monotonic() - self._heard)
        if entries:
            self._heard = time.monotonic()
        for event, _ in entries:
            self._take(event)
        silent = time.monotonic() - self._heard
        state, message = self._state, self._failure
        ended = state in ENDED
        if alive is False and not ended:
            state, message = self._end_without_event()
        elif alive is None and not ended and state != "paused" and silent > SILENCE_SECONDS:
            state = "lost"
            message = (
                f"no news for {silent / 60:.0f} min from the other machine; look there, and resume "
                "once you are sure that it has ended"
            )
        elif not ended:
            state = self._shown()
        over = alive is False or (alive is None and ended)
        return News(entries, state, message or self._trouble, silent, over)

    def _past(self) -> Iterator[News]:
        """The events from before, thinned, in parts that do not block the window.

        They do not change the state of a run that starts now.
        """
        entries = thinned(self._read())
        for event, _ in entries:
            self._take(event)
        if self.owns_process:
            self._state, self._failure = "starting", ""
        elif entries:
            self._heard -= max(0.0, time.time() - entries[-1][1])
            if self._state == "starting":
                self._state = "running"
        for start in range(0, len(entries), HISTORY_PART):
            if self._leaving:
                return
            yield News(tuple(entries[start : start + HISTORY_PART]), self._state, self._failure)
            time.sleep(0.02)

    def _read(self) -> list[Entry]:
        """All events since the last read; after an OSError they are read again."""
        read = list(self.folder.read_events(self.offset))
        if read:
            self.offset = read[-1][2]
        return [(event, when) for event, when, _ in read]

    def _shown(self) -> RunState:
        """The state by the events; a request to stop is acknowledged at once."""
        stops = self.stop_wanted and self._state in ("starting", "running", "paused")
        return "stopping" if stops else self._state

    def _explained(self, error: OSError) -> str:
        return f"{error.filename or self.folder.path}: {error.strerror or error}"

    def _take(self, event: Event) -> None:
        match event:
            case Paused():
                self._state = "paused"
            case Finished(reason=reason):
                self._state = "finished" if reason == "completed" else "stopped"
            case Failed(message=message):
                self._state, self._failure = "failed", message
            case CheckpointSaved():
                self.saved = event
            case Started() | StartLearnt() | StageStarted() | Step() | Continued():
                self._state, self._failure = "running", ""
            case _:
                pass

    def _end_without_event(self) -> tuple[RunState, str]:
        if not self.folder.path.exists():
            return "lost", "its folder was deleted; start a new run with Train"
        code, error = self._process.exit_status, self._process.error()
        if self.stop_wanted and self._state == "starting":
            return "stopped", ""
        if self.stop_wanted and self._process.was_started:
            return "lost", "ended at once, as you asked; the last checkpoint is kept"
        if error and code == 2:
            return "failed", error
        if error:
            resume = "; resuming continues from the last checkpoint" if self.saved else ""
            return "failed", f"{error}; the log says more{resume}"
        safe = "clicks and the last checkpoint are safe"
        if code is None:
            return "lost", f"the training process ended without a message; {safe}"
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        hint = "; perhaps memory ran out" if code in (-9, 137) else ""
        return "lost", f"the training process is gone ({how}{hint}); {safe}"

    def _send_requests(self) -> None:
        while self._requests:
            try:
                self._requests.popleft()()
            except FileNotFoundError:  # a run folder that somebody deleted
                pass
            except OSError as error:
                self._trouble = f"{self._explained(error)}; the request did not reach the run"

    def _request_stop(self) -> None:
        if self._state == "starting" and self._process.was_started:
            # it has learnt nothing yet, and would clear a request as a leftover
            self._process.kill()
            return
        self.folder.request_stop()
        self.folder.request_continue()

    def _request_preview(self, image_id: str) -> None:
        if not self.owns_process and self.folder.is_alive() is False:
            return  # a run that is only looked at, or that was deleted
        with contextlib.suppress(OSError):  # a run that may only be read shows another image
            self.folder.request_preview(image_id)
