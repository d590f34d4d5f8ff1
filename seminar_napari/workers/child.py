"""A child process of the window: in a session of its own, its output in a log file, never left
as a zombie.
"""

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
NICER = 5
"""How much the child gives way to the window, in Unix's niceness."""


def seminar_command(arguments: Sequence[str]) -> tuple[str, ...]:
    """The words that run `seminar` with this very Python."""
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

    Raises
    ------
    OSError
        The program or the log file cannot be opened.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 2) - 1)))
        with log.open("ab") as output:
            if os.name == "nt":
                flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP  # type: ignore[attr-defined,unused-ignore]
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment,
                    creationflags=flags,
                )
            else:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment,
                    start_new_session=True,
                )
        with contextlib.suppress(psutil.Error, OSError):
            process = psutil.Process(self._process.pid)
            process.nice(
                getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", min(process.nice() + NICER, 19))
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Ask the process to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def wait(self, timeout: float) -> int | None:
        """Wait for its end up to `timeout` seconds; the exit status or None."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout)
        return None

    def leave(self) -> None:
        """Let it run on without anyone polling; it is still reaped when it ends while this
        program lives.
        """
        if self.poll() is None:
            threading.Thread(
                target=self._process.wait, name=f"reaps {self.pid}", daemon=True
            ).start()

    def log_tail(self) -> str:
        """The end of what it has printed since it was started."""
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
    """What went wrong, as the command line said it or as the last line of a traceback; empty
    where the log shows no error.
    """
    lines = log.rstrip().splitlines()
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].startswith("seminar: "):
            return "\n".join(lines[number:]).removeprefix("seminar: ")
        if lines[number].startswith("Traceback (most recent call last)"):
            return f"unexpected error, {lines[-1].strip()}"
    return ""
