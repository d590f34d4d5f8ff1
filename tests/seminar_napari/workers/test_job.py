"""Jobs beside the window: real processes, cancelled for real."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from seminar_napari.workers import job as job_module
from seminar_napari.workers.job import Job, count_new_masks


def run_code(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    def command(arguments: Sequence[str]) -> tuple[str, ...]:
        return (sys.executable, "-c", code, *arguments)

    monkeypatch.setattr(job_module, "seminar_command", command)


def test_the_last_sentence_is_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    run_code(
        monkeypatch, "import sys; print('working'); print('Checked: same labels', *sys.argv[1:])"
    )
    job = Job(["export", "x"])
    list(job.follow())
    assert (
        job.outcome is not None
        and job.outcome.ended
        and job.outcome.text == "Checked: same labels export x"
    )


def test_what_went_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run_code(
        monkeypatch,
        "import sys; print('seminar: no model yet; train first', file=sys.stderr); sys.exit(2)",
    )
    job = Job([])
    list(job.follow())
    assert (
        job.outcome is not None
        and not job.outcome.ended
        and job.outcome.text == "no model yet; train first"
    )
    run_code(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    job = Job([])
    list(job.follow())
    assert job.outcome is not None and "status -9" in job.outcome.text


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(600)",
        (
            "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True);"
            " time.sleep(600)"
        ),
    ],
)
def test_cancelling_leaves_no_process(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(job_module, "PATIENCE_SECONDS", 0.5)
    run_code(monkeypatch, code)
    before = {child.pid for child in psutil.Process().children()}
    job = Job([])
    for _ in job.follow():
        if "SIG_IGN" in code:
            time.sleep(0.5)
        job.cancel()
    assert job.outcome is not None and job.outcome.text.startswith("Cancelled")
    assert {child.pid for child in psutil.Process().children()} <= before


def test_an_abandoned_job_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    run_code(monkeypatch, "import time; time.sleep(600)")
    before = {child.pid for child in psutil.Process().children()}
    following = Job([]).follow()
    next(following)
    following.close()  # type: ignore[attr-defined]
    assert {child.pid for child in psutil.Process().children()} <= before


def test_only_new_masks_count(tmp_path: Path) -> None:
    import os

    old = tmp_path / "old.png"
    old.touch()
    os.utime(old, (1, 1))
    count = count_new_masks(tmp_path, ("a", "b", "old", "large"))
    assert count() == (0, 4)
    for name in ("a.png", ".b.png", "a_instances.tif", "b.tif", "another.png", "large.zarr"):
        (tmp_path / name).touch()
    assert count() == (3, 4), "a mask, a stack and an image larger than memory"
    assert count_new_masks(tmp_path / "absent", ("a",))() == (0, 1)


def test_what_is_cancelled_before_it_began_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "Child", lambda *_: pytest.fail("a process was started"))
    job = Job([])
    job.cancel()
    assert list(job.follow()) == []
    assert job.outcome is not None and not job.outcome.ended


def test_no_more_than_all_are_done(tmp_path: Path) -> None:
    count = count_new_masks(tmp_path, ("a", "b"))
    for name in ("a.png", "a.tif", "b.png"):
        (tmp_path / name).touch()
    assert count() == (2, 2)
