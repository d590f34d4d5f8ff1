"""Child processes: logged, reaped, outliving if wanted."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from seminar_napari.workers.child import Child, log_tail, said_error


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_output_goes_to_the_log_behind_what_stands_there(tmp_path: Path) -> None:
    log = tmp_path / "new" / "log.txt"
    for word in ("first", "second"):
        child = Child(python(f"import sys; print('{word}'); sys.exit(3)"), log)
        assert child.wait(60) == 3
        assert child.log_tail() == f"{word}\n"
    assert log.read_text() == "first\nsecond\n"


def test_a_signal_is_a_negative_status(tmp_path: Path) -> None:
    child = Child(python("import time; time.sleep(600)"), tmp_path / "log.txt")
    assert child.poll() is None and child.wait(0.05) is None
    child.kill()
    assert child.wait(60) == -9


def test_a_child_that_is_left_is_reaped_all_the_same(tmp_path: Path) -> None:
    child = Child(python("import time; time.sleep(0.5)"), tmp_path / "log.txt")
    pid = child.pid
    child.leave()
    del child
    deadline = time.monotonic() + 60
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while any(thread.name == f"reaps {pid}" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_has_a_session_of_its_own_and_gives_way_to_the_window(tmp_path: Path) -> None:
    child = Child(
        python("import os, time; print(os.getsid(0) == os.getpid(), flush=True); time.sleep(600)"),
        tmp_path / "log.txt",
    )
    try:
        assert (
            psutil.Process(child.pid).nice() > psutil.Process().nice()
            or psutil.Process().nice() >= 5
        )
        deadline = time.monotonic() + 60
        while not child.log_tail():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert child.log_tail() == "True\n", "Ctrl+C in the window's terminal does not reach it"
    finally:
        child.kill()
        child.wait(60)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", ""),
        ("20 images, 31 clicks\n", ""),
        (
            "warning\nseminar: a.png: not readable; replace it\nb.png: too\n",
            "a.png: not readable; replace it\nb.png: too",
        ),
        (
            "Traceback (most recent call last):\n  File x\nValueError: odd\n",
            "unexpected error, ValueError: odd",
        ),
    ],
)
def test_errors_are_found_in_a_log(log: str, expected: str) -> None:
    assert said_error(log) == expected


@pytest.mark.parametrize(("given", "expected"), [("", "7"), ("3", "3")])
def test_one_core_is_left_to_the_window_unless_the_person_has_said_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, expected: str
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    child = Child(python("import os; print(os.environ['OMP_NUM_THREADS'])"), tmp_path / "log.txt")
    assert child.wait(60) == 0 and child.log_tail() == f"{expected}\n"


def test_of_a_long_log_the_end_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(b"a" * 30_000 + b"z")
    assert log_tail(log) == "a" * 19_999 + "z"
    assert log_tail(log, 29_999) == "az" and log_tail(tmp_path / "none.txt") == ""
