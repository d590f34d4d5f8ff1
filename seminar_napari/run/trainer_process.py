"""The process that trains in a run folder: started here, or found there."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence

import psutil

from seminar.run.folder import RunFolder
from seminar_napari.workers.child import Child, said_error

ASK_SECONDS = 1.0


class TrainerProcess:
    """The trainer of one run.

    Parameters
    ----------
    folder : RunFolder
    command : sequence of str or None
        How to start it; None for a process that was started elsewhere.
    """

    def __init__(self, folder: RunFolder, command: Sequence[str] | None) -> None:
        self.folder = folder
        self.command = command
        self.is_alive: bool | None = True
        self._child: Child | None = None
        self._asked = float("-inf")

    @property
    def was_started(self) -> bool:
        """Whether it was started here."""
        return self._child is not None

    @property
    def pid(self) -> int | None:
        """Its id where it was started here."""
        return self._child.pid if self._child is not None else None

    @property
    def exit_status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs, or where it is not ours."""
        return self._child.poll() if self._child is not None else None

    def start(self) -> None:
        """Start it, where there is a command.

        Raises
        ------
        OSError
            The program or the log cannot be opened.
        """
        if self.command is not None:
            self._child = Child(self.command, self.folder.log_path)

    def look(self) -> bool | None:
        """Whether it lives; None where that is not known: it runs on another machine."""
        if self._child is not None:
            self.is_alive = self._child.poll() is None
        elif time.monotonic() - self._asked >= ASK_SECONDS:
            self._asked = time.monotonic()
            self.is_alive = self.folder.is_alive()
            if self.is_alive and _is_zombie(trainer_process(self.folder)):
                self.is_alive = False
        return self.is_alive

    def kill(self) -> None:
        """End it at once, if it runs on this machine."""
        if self._child is not None:
            self._child.kill()
        elif (process := trainer_process(self.folder)) is not None:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def leave(self) -> None:
        """Let it run on; it leaves no zombie."""
        if self._child is not None:
            self._child.leave()

    def error(self) -> str:
        """The error that its log ends with; "" without one."""
        return said_error(self._child.log_tail()) if self._child is not None else ""


def trainer_process(folder: RunFolder) -> psutil.Process | None:
    """The process that trains in this folder, if it runs on this machine."""
    if not folder.is_alive():
        return None
    try:
        pid = json.loads(folder.process_path.read_text(encoding="utf-8"))["pid"]
        return psutil.Process(int(pid))
    except (OSError, ValueError, KeyError, psutil.Error):
        return None


def _is_zombie(process: psutil.Process | None) -> bool:
    with contextlib.suppress(psutil.Error):
        return process is not None and process.status() == psutil.STATUS_ZOMBIE
    return False
