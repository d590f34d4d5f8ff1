"""A child process of the window, with its output in a log file, that leaves no zombie."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import psutil

LOG_TAIL_BYTES = 20_000
CREATION_FLAGS: int = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(
    subprocess, "CREATE_NEW_PROCESS_GROUP", 0
)
NICER = 5
"""The niceness of a child above that of the window."""


def seminar_command(arguments: Sequence[str]) -> tuple[str, ...]:
    """The command that runs `seminar` with the Python of the window."""
    return (sys.executable, "-m", "seminar", *arguments)


class Child:
    """A started process; closing the window does not end it.

    It runs at a lower priority than the window and leaves one core free, so that training on the
    CPU does not make the window stutter.

    Parameters
    ----------
    command : sequence of str
    log : Path
        Its standard output and error are added to this file; missing folders are made.
    talks : bool
        Standard input and output are pipes to the window; only its standard error is logged.

    Raises
    ------
    OSError
        The program or the log file cannot be opened.
    """

    def __init__(self, command: Sequence[str], log: Path, *, talks: bool = False) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 2) - 1)))
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else output,
                stderr=output,
                env=environment,
                start_new_session=True,  # Windows ignores it
                creationflags=CREATION_FLAGS,
            )
        with contextlib.suppress(psutil.Error, OSError):
            process = psutil.Process(self._process.pid)
            nicer = min(process.nice() + NICER, 19)
            process.nice(getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", nicer))

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def end(self, patience: float) -> None:
        """Have it end: by request, or by force after `patience` seconds."""
        if self.poll() is None:
            self.terminate()
            if self.wait(patience) is None:
                self.kill()
                self.wait(patience)

    def terminate(self) -> None:
        """Ask the process to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def wait(self, timeout: float) -> int | None:
        """Wait for its end, at most `timeout` seconds; return the exit status or None."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout)
        return None

    def leave(self) -> None:
        """Let it run on; a thread waits for its end, so that it leaves no zombie."""
        if self.poll() is None:
            name = f"reaps {self.pid}"
            threading.Thread(target=self._process.wait, name=name, daemon=True).start()

    def log_tail(self) -> str:
        """The end of its output since it was started."""
        return log_tail(self.log, self._log_start)


def log_tail(log: Path, start: int = 0) -> str:
    """The end of a log file, from byte `start` on at the earliest; empty where there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start, size - LOG_TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def said_error(log: str) -> str:
    """The error in the log: the command line's, or the last line of a traceback; "" without."""
    lines = log.rstrip().splitlines()
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].startswith("seminar: "):
            return "\n".join(lines[number:]).removeprefix("seminar: ")
        if lines[number].startswith("Traceback (most recent call last)"):
            return f"unexpected error, {lines[-1].strip()}"
    return ""
