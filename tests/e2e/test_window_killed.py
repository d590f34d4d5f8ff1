"""A window that is killed while somebody clicks: what it called saved is on disk, and the next
window shows it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
@pytest.mark.slow
def test_killed_while_clicked_on_nothing_acknowledged_is_lost() -> None:
    # the long trial, here with a small number: 4 clicks, a kill, and 7 in the next window
    script = ROOT / "benchmarks" / "soak" / "click_kills.py"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), "--window", "--kills", "2", "--seed", "14"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=500)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines()[1:])
    assert int(said["acknowledged"]) > 0
    for fault in ("lost", "torn", "out of step", "shown otherwise"):
        assert said[fault] == "0 in 2 kills"
