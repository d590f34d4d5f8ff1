"""Processes of their own for tests, forked from one that has loaded torch: a start costs a tenth of
a second, not five. Where starting is what counts, or the interpreter's end, tests start Python.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path

from command_line import Result

if sys.platform == "win32":
    FORKS = multiprocessing.get_context("spawn")
else:
    from multiprocessing import forkserver

    FORKS = multiprocessing.get_context("forkserver")
    FORKS.set_forkserver_preload(["torch._dynamo", "seminar.cli.main", "seminar.training.trainer"])


def start_method() -> str:
    """What a program is told that starts processes of its own by multiprocessing; the process that
    they are forked from runs, or else dask would have other modules loaded into it.
    """
    if sys.platform != "win32":
        forkserver.ensure_running()
    return FORKS.get_start_method()


def start_seminar(*words: object, log: Path) -> BaseProcess:
    """Start a command; what it prints goes into a file."""
    process = FORKS.Process(target=_command, args=([*map(str, words)], log), daemon=True)
    process.start()
    return process


def run_python(code: str) -> Result:
    """Run Python code to its end."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = FORKS.Process(target=_python, args=(code, out, err), daemon=True)
        process.start()
        process.join()
        assert process.exitcode is not None
        return Result(process.exitcode, out.read_text(), err.read_text())


def _command(words: list[str], log: Path) -> None:
    from seminar.cli.main import main

    _print_to(log, log)
    sys.argv = ["seminar", *words]
    main()


def _python(code: str, out: Path, err: Path) -> None:
    _print_to(out, err)
    exec(code, {"__name__": "__main__"})


def _print_to(out: Path, err: Path) -> None:
    for descriptor, path in ((1, out), (2, err)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
