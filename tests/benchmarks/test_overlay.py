"""The arithmetic of the window's benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.speed.waits import Spent, middle, percentile, waits


def test_events_arrive_at_any_moment_of_a_gap() -> None:
    assert waits([10.0] * 7, 0.95) == pytest.approx(9.5)
    assert waits([5.0] * 180 + [100.0], 0.5) == pytest.approx(
        500 / 181
    )  # where 180 (5 - x) + (100 - x) is half of the 1,000 ms
    # in one second, one gap of 100 ms: 5 of 100 events arrive in its first half and wait more than
    # 50 ms
    assert waits([5.0] * 180 + [100.0], 0.95) == pytest.approx(50.0, rel=0.01)


def test_clock_processor_and_thread_are_kept_apart() -> None:
    turns = [Spent(10.0, 2.0, 1.0)] * 5
    assert percentile(turns) == Spent(pytest.approx(9.5), pytest.approx(1.9), pytest.approx(0.95))
    assert middle([Spent(1, 9, 1), Spent(2, 8, 5), Spent(30, 7, 3)]) == Spent(2, 8, 3)


def test_it_explains_itself_and_imports_neither_torch_nor_qt_before_it_measures() -> None:
    code = (
        "import sys, benchmarks.speed.overlay; sys.exit(int(any(name in sys.modules for name"
        " in ('torch', 'qtpy'))))"
    )
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    assert subprocess.run([sys.executable, "-c", code], cwd=root, env=environment).returncode == 0
    help_text = subprocess.run(
        [sys.executable, "benchmarks/speed/overlay.py", "--help"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "--json" in help_text and "--stand-in" in help_text
