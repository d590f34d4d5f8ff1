"""The pipes of a process that answers clicks: JSON lines in, JSON lines out."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from typing import Any

from seminar.probe.follow import Follower
from seminar.probe.probe import Probe

END_SECONDS = 2.0
"""So long after the end of its input the process ends, whatever it is at."""


def follow(probe: Probe, *, split: str = "train") -> None:
    """Answer the JSON lines of standard input on standard output, until its end.

    Without a pipe (a terminal) it goes on until it is interrupted.
    """

    def say(event: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()

    follower = Follower(probe, say, split=split)

    def listen() -> None:
        # without a buffer: its lock, held by this thread, would abort an interpreter that ends
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as lines:
            for line in lines:
                with contextlib.suppress(ValueError, RecursionError):
                    follower.tell(json.loads(line))
        follower.end()
        # nobody listens any more; files are whole or absent whenever it ends
        time.sleep(END_SECONDS)
        os._exit(0)

    if not sys.stdin.isatty():
        threading.Thread(target=listen, name="seminar-probe-input", daemon=True).start()
    follower.run()
