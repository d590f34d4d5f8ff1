"""`seminar` as a person types it, in this process, which has loaded torch already."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Result:
    """How a command ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def seminar(*words: object, cwd: Path | None = None) -> Result:
    """Run a command in the folder `cwd`."""
    from seminar.cli.main import main

    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr(sys, "argv", ["seminar", *map(str, words)])
        if cwd is not None:
            patch.chdir(cwd)
        main()
    status = ended.value.code
    return Result(status if isinstance(status, int) else 0, out.getvalue(), err.getvalue())
