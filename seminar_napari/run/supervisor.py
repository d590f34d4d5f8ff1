"""The trainer's process and its run folder: start, stop, pause, attach, follow; no Qt here.

starting ──▶ running ◀──▶ paused
    │           │            │ │           ├─▶ stopping ┤ (the window says so at once, the trainer
    follows at its next iteration) ▼           ▼            ▼
  failed     finished     stopped        lost: the process is gone and said nothing
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psutil

from seminar.run.events import (
    CheckpointSaved,
    Continued,
    Event,
    Failed,
    Finished,
    Paused,
    StageStarted,
    Started,
    Step,
)
from seminar.run.folder import RunFolder
from seminar_napari.run.past_events import Entry, thinned
from seminar_napari.session.followed_run import RunState
from seminar_napari.workers.child import Child, said_error

LOOKS_PER_SECOND = 10
HISTORY_PART = 200
SILENCE_SECONDS = 300.0
"""A run on another machine cannot be asked whether it lives; after this long without an event it
counts as lost.
"""


@dataclass(frozen=True)
class News:
    """What one look at a run found out.

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
    a wish and return at once.

    Parameters
    ----------
    folder : RunFolder
    command : sequence of str or None
        Start this process; None attaches to a run that goes on elsewhere, or is over.
    offset : int
        Begin behind this byte of events.jsonl: what was passed on already.
    """

    def __init__(
        self, folder: RunFolder, command: Sequence[str] | None = None, offset: int = 0
    ) -> None:
        self.folder = folder
        self.offset = offset
        self.stop_wanted = False
        self.saved: CheckpointSaved | None = None
        self._command = command
        self._child: Child | None = None
        self._state: RunState = "starting"
        self._failure = ""
        self._trouble = ""
        self._heard = time.monotonic()
        self._wishes: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._leaving = False
        self._alive: bool | None = True
        self._asked = -1.0

    # wishes, from the window's thread
    def stop(self) -> None:
        """Ask the trainer to save and end, also out of a pause."""
        self.stop_wanted = True
        self._wish(self._request_stop)

    def pause(self) -> None:
        self._wish(self.folder.request_pause)

    def go_on(self) -> None:
        """Withdraw a pause."""
        self._wish(self.folder.request_continue)

    def request_preview(self, image_id: str) -> None:
        self._wish(lambda: self._request_preview(image_id))

    def end_now(self) -> None:
        """Kill a process of this machine that does not answer; what the last checkpoint holds is
        kept.
        """
        self.stop_wanted = True
        self._wish(self._kill)

    def leave(self) -> None:
        """Stop following; the process goes on."""
        self._leaving = True
        self._wake.set()

    def _wish(self, action: Callable[[], None]) -> None:
        self._wishes.append(action)
        self._wake.set()

    @property
    def owns_process(self) -> bool:
        """Whether the run was started here, rather than attached to."""
        return self._command is not None

    @property
    def pid(self) -> int | None:
        """Process that this supervisor started."""
        return self._child.pid if self._child is not None else None

    # in the worker
    def follow(self) -> Iterator[News]:
        """Start the process if there is one to start, then look ten times a second until the run is
        over.

        A look that meets a disk that is away says so and is not the last one.
        """
        try:
            yield from self._past()
            if self._command is not None and not self._leaving:
                self._child = Child(self._command, self.folder.log_path)
        except OSError as error:
            yield News(
                (),
                "failed",
                f"{self._said(error)}; make room or give access, then start again",
                over=True,
            )
            return
        while not self._leaving:
            self._grant_wishes()
            news = self.look()
            yield news
            if news.over:
                return
            self._wake.wait(1 / LOOKS_PER_SECOND)
            self._wake.clear()

    def release(self) -> None:
        """After following: let the process, if it still runs, run on without leaving a zombie."""
        self._grant_wishes()
        if self._child is not None:
            self._child.leave()

    def look(self) -> News:
        """What happened since the last look."""
        code = self._child.poll() if self._child is not None else None
        alive = self._is_alive(
            code
        )  # before reading: a process that is gone has written all it ever will
        try:
            entries = tuple(self._read())
        except (
            OSError
        ) as error:  # a stale handle, a virus scanner: what was written is read at the next look
            return News(
                (),
                self._shown(),
                f"{self._said(error)}; tried again",
                time.monotonic() - self._heard,
            )
        if entries:
            self._heard = time.monotonic()
        for event, _ in entries:
            self._take(event)
        silent = time.monotonic() - self._heard
        state, message = self._state, self._failure
        ended = state in ("stopped", "finished", "failed")
        if alive is False and not ended:
            state, message = self._end_without_word(code)
        elif alive is None and not ended and state != "paused" and silent > SILENCE_SECONDS:
            state = "lost"
            message = (
                f"no news for {silent / 60:.0f} min from the other machine; look there, and resume"
                " once you are sure that it has ended"
            )
        elif not ended:
            state = self._shown()
        return News(
            entries,
            state,
            message or self._trouble,
            silent,
            over=alive is False or (alive is None and ended),
        )

    def _past(self) -> Iterator[News]:
        """What was written before we came, thinned, in parts that do not hold up the window; it
        does not change the state of a run that starts now.
        """
        entries = thinned(self._read())
        for event, _ in entries:
            self._take(event)
        if self._command is not None:
            self._state, self._failure = "starting", ""
        elif entries:
            self._heard -= max(0.0, time.time() - entries[-1][1])
            if self._state == "starting":
                self._state = "running"
        for start in range(0, len(entries), HISTORY_PART):
            if self._leaving:
                return
            shown: RunState = "starting" if self._command is not None else self._state
            yield News(tuple(entries[start : start + HISTORY_PART]), shown, self._failure)
            time.sleep(0.02)

    def _read(self) -> list[Entry]:
        """All that was written since the last read, or an OSError: half a read counts for
        nothing.
        """
        read = list(self.folder.read_events(self.offset))
        if read:
            self.offset = read[-1][2]
        return [(event, when) for event, when, _ in read]

    def _shown(self) -> RunState:
        """The state as far as it was heard of; a wish to stop is acknowledged at once."""
        return (
            "stopping"
            if self.stop_wanted and self._state in ("starting", "running", "paused")
            else self._state
        )

    def _said(self, error: OSError) -> str:
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
            case Started() | StageStarted() | Step() | Continued():
                self._state, self._failure = "running", ""
            case _:
                pass

    def _is_alive(self, code: int | None) -> bool | None:
        if self._child is not None:
            return code is None
        if time.monotonic() - self._asked >= 1:
            self._asked = time.monotonic()
            self._alive = self.folder.is_alive()
            if self._alive and self._process_is_zombie():
                self._alive = False
        return self._alive

    def _end_without_word(self, code: int | None) -> tuple[RunState, str]:
        log = self._child.log_tail() if self._child is not None else ""
        said = said_error(log)
        if self.stop_wanted and self._state == "starting":
            return "stopped", ""
        if self.stop_wanted and self._child is not None:
            return "lost", "ended at once, as you asked; what the last checkpoint holds is kept"
        if said:
            remedy = (
                ""
                if code == 2
                else "; the log says more"
                + ("; resuming goes on from the last checkpoint" if self.saved else "")
            )
            return "failed", said + remedy
        if code is None:
            return (
                "lost",
                (
                    "the training process is gone without a word; clicks and the last checkpoint"
                    " are safe"
                ),
            )
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        hint = "; perhaps memory ran out" if code in (-9, 137) else ""
        return (
            "lost",
            f"the training process is gone ({how}{hint}); clicks and the last checkpoint are safe",
        )

    def _grant_wishes(self) -> None:
        while self._wishes:
            try:
                self._wishes.popleft()()
            except FileNotFoundError:  # a run folder that somebody deleted
                pass
            except OSError as error:
                self._trouble = f"{self._said(error)}; the request did not reach the run"

    def _request_stop(self) -> None:
        if self._state == "starting" and self._child is not None:
            self._child.kill()  # it has learnt nothing yet, and would clear a request as a leftover
            return
        self.folder.request_stop()
        self.folder.request_continue()

    def _request_preview(self, image_id: str) -> None:
        with contextlib.suppress(OSError):  # a run that may only be read shows another image
            self.folder.request_preview(image_id)

    def _kill(self) -> None:
        if self._child is not None:
            self._child.kill()
        elif (process := self._process()) is not None:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def _process(self) -> psutil.Process | None:
        """The trainer's process where it is on this machine."""
        return trainer_process(self.folder)

    def _process_is_zombie(self) -> bool:
        with contextlib.suppress(psutil.Error):
            process = self._process()
            return process is not None and process.status() == psutil.STATUS_ZOMBIE
        return False


def trainer_process(folder: RunFolder) -> psutil.Process | None:
    """The process that trains in this folder, if it runs on this machine."""
    if not folder.is_alive():
        return None
    try:
        return psutil.Process(
            int(json.loads(folder.process_path.read_text(encoding="utf-8"))["pid"])
        )
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
