"""A child process that is talked with, and that ends with the window."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from seminar_napari.workers.talking_child import MOST_UNHEARD, TalkingChild

ECHO = """
import json, sys
for line in sys.stdin:
    print("no JSON", flush=True)
    print(json.dumps(["no object"]), flush=True)
    print(json.dumps({"heard": json.loads(line)}), flush=True)
print("the end", file=sys.stderr)
"""

DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"ready": true}', flush=True)
time.sleep(600)
"""


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_said_arrives_in_order_and_what_it_says_is_heard() -> None:
    child = TalkingChild(python(ECHO))
    child.say(look="Zellen ä")
    child.say(clicks="b")
    wait_until(lambda: len(child.heard) == 2)
    assert [*child.heard] == [{"heard": {"look": "Zellen ä"}}, {"heard": {"clicks": "b"}}]
    child.take_leave()
    assert child.wait(60) == 0, "it ends with its input"
    wait_until(lambda: not child.log.parent.exists())


def test_its_errors_are_in_a_log_until_it_is_gone() -> None:
    child = TalkingChild(python("raise SystemExit('seminar: no such project')"))
    assert child.wait(60) == 1
    assert child.log_tail() == "seminar: no such project\n"
    child.say(look="a")  # to nobody
    child.take_leave()
    wait_until(lambda: not child.log.parent.exists())


def test_a_deaf_one_makes_nobody_wait_and_is_ended_by_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("seminar_napari.workers.talking_child.PATIENCE_SECONDS", 0.1)
    child = TalkingChild(python(DEAF))
    wait_until(lambda: child.heard)
    for _ in range(2000):
        child.say(look="x" * 1000)  # far more than a pipe holds
    child.take_leave()
    child.take_leave()
    assert child.poll() is None, "it still runs, and nobody has waited for it"
    assert child.wait(60) == -9


def test_no_thread_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    child = TalkingChild(python(ECHO))
    child.take_leave()
    wait_until(lambda: not [one for one in threading.enumerate() if str(child.pid) in one.name])


def test_where_nobody_listens_the_newest_is_kept() -> None:
    number = MOST_UNHEARD + 5
    child = TalkingChild(python(f"for n in range({number}): print('{{\"n\": %d}}' % n)"))
    assert child.wait(60) == 0
    wait_until(lambda: child.heard and child.heard[-1] == {"n": number - 1})
    assert len(child.heard) == MOST_UNHEARD and child.heard[0] == {"n": 5}
    child.take_leave()


def test_one_that_cannot_be_started_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match="nothing"):
        TalkingChild((str(tmp_path / "nothing"),))
    assert not [*tmp_path.iterdir()]


def test_nothing_is_left_by_a_program_that_ends_without_a_word() -> None:
    program = """
import sys
from seminar_napari.workers.talking_child import TalkingChild
child = TalkingChild((sys.executable, "-c", "import time; time.sleep(600)"))
print(child.pid, child.log.parent)
"""
    done = subprocess.run(python(program), capture_output=True, text=True, timeout=60, check=True)
    pid, folder = done.stdout.split()
    wait_until(lambda: not _runs(int(pid)))
    assert not Path(folder).exists() and done.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_it_dies_with_a_window_that_is_killed() -> None:
    window = f"""
import sys, time
from seminar_napari.workers.talking_child import TalkingChild
child = TalkingChild((sys.executable, "-c", {ECHO!r}))
later = TalkingChild((sys.executable, "-c", {ECHO!r}))
print(child.pid, later.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen(python(window), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert all(psutil.pid_exists(pid) for pid in pids)
        process.kill()
    wait_until(lambda: not any(_runs(pid) for pid in pids))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
