"""The pipes of a process that answers clicks: JSON lines in, JSON lines out."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from typing import Any

from seminar.config.probe_settings import ProbeConfig
from seminar.errors import SeminarError
from seminar.probe.answer import told, write_answer
from seminar.probe.first_look import first_look
from seminar.probe.inbox import Inbox
from seminar.probe.trust import Edges
from seminar.project.project import Project

END_SECONDS = 2.0
"""So long after the end of its input the process ends, whatever it is at."""


def follow(
    project: Project, config: ProbeConfig, *, split: str, disk_bytes: int, device: str
) -> None:
    """Answer the JSON lines of standard input on standard output, until its end.

    Without a pipe (a terminal) it goes on until it is interrupted.
    """
    inbox = Inbox()
    if not sys.stdin.isatty():
        threading.Thread(
            target=_listen, args=(inbox,), name="seminar-probe-input", daemon=True
        ).start()
    if inbox.take_first() and inbox.shown:
        with contextlib.suppress(SeminarError, OSError):  # told when it is learnt from
            _look(project, config, inbox.shown, split)

    # with torch, which takes longer to import than the first look
    from seminar.probe.follow import Follower
    from seminar.probe.probe import Probe
    from seminar.probe.store import FeatureStore
    from seminar.runtime.devices import pick_device

    store = FeatureStore(disk_bytes=disk_bytes)
    probe = Probe(project, config, store=store, device=pick_device(device))
    Follower(probe, _say, split=split, inbox=inbox).run()


def _look(project: Project, config: ProbeConfig, shown: str, split: str) -> None:
    """Answer by the filters alone."""
    started = time.perf_counter()
    found = first_look(project, config, shown, split=split)
    if found is None:
        return
    write_answer(project, shown, found.answer)
    trust = Edges(found.image).fit(found.answer.labels)
    _say(told(shown, found.answer, clicks=found.clicks, trust=trust, started=started))


def _say(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _listen(inbox: Inbox) -> None:
    # without a buffer: its lock, held by this thread, would abort an interpreter that ends
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as lines:
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):
                inbox.tell(json.loads(line))
    inbox.end()
    # nobody listens any more; files are whole or absent whenever it ends
    time.sleep(END_SECONDS)
    os._exit(0)
