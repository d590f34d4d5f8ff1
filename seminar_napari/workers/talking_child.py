"""A child process that the window talks with: a JSON object a line, both ways."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from seminar_napari.workers.child import Child

PATIENCE_SECONDS = 1.5
"""Time to end by itself, and again after each stronger word."""

MOST_UNHEARD = 1000


class TalkingChild(Child):
    """A child process that ends when the window does, and never makes it wait.

    Two threads read from and write to its pipes. The window's end of them closes with the window,
    however that ends, and the child ends with them. Its standard error is logged in a folder of its
    own, which is removed in the end.

    Attributes
    ----------
    heard : deque of dict
        What it said, oldest first; the reader removes it from the left. Lines that are no JSON
        object are dropped, and so are the oldest ones where nobody listens.
    """

    def __init__(self, command: Sequence[str]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="seminar-"))
        try:
            super().__init__(command, folder / "log.txt", talks=True)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        # also where the program ends and nobody has taken leave
        self._clean = weakref.finalize(self, _leave_nothing, self._process, folder)
        self.heard: deque[Mapping[str, Any]] = deque(maxlen=MOST_UNHEARD)
        self._to_say: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._is_ending = False
        pipes = self._process.stdin, self._process.stdout
        for action, pipe in zip((self._write, self._read), pipes, strict=True):
            name = f"talks with {self.pid}"
            threading.Thread(target=action, args=(pipe,), name=name, daemon=True).start()

    def say(self, **words: object) -> None:
        """Send one object soon; nothing happens where the child is gone."""
        self._to_say.put(json.dumps(words) + "\n")

    def take_leave(self) -> None:
        """Have it end by closing its input, then by request, then by force; return at once.

        Before it ends, the program waits for the thread that sees to it.
        """
        if not self._is_ending:
            self._is_ending = True
            self._to_say.put(None)
            threading.Thread(target=self._see_off, name=f"ends {self.pid}").start()

    def _see_off(self) -> None:
        if self.wait(PATIENCE_SECONDS) is None:
            self.end(PATIENCE_SECONDS)
        self._clean()

    def _write(self, pipe: IO[bytes]) -> None:
        with suppress(OSError), pipe:  # it is gone: `poll` says so
            while (text := self._to_say.get()) is not None:
                pipe.write(text.encode())
                pipe.flush()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                with suppress(ValueError):
                    said = json.loads(line)
                    if isinstance(said, dict):
                        self.heard.append(said)
        self._to_say.put(None)  # nobody writes any more


def _leave_nothing(process: subprocess.Popen[bytes], folder: Path) -> None:
    if process.poll() is None:
        process.terminate()
    shutil.rmtree(folder, ignore_errors=True)
