"""Jobs beside the window: real processes, cancelled for real."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from seminar_napari import _job
from seminar_napari._job import CopyModel, Job, count_new_masks


def run_code(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    def command(arguments: Sequence[str]) -> tuple[str, ...]:
        return (sys.executable, "-c", code, *arguments)

    monkeypatch.setattr(_job, "seminar_command", command)


def test_the_last_sentence_is_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    run_code(monkeypatch, "import sys; print('working'); print('Checked: same labels', *sys.argv[1:])")
    job = Job(["export", "x"])
    list(job.follow())
    assert job.outcome is not None and job.outcome.ended and job.outcome.text == "Checked: same labels export x"


def test_what_went_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run_code(monkeypatch, "import sys; print('seminar: no model yet; train first', file=sys.stderr); sys.exit(2)")
    job = Job([])
    list(job.follow())
    assert job.outcome is not None and not job.outcome.ended and job.outcome.text == "no model yet; train first"
    run_code(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    job = Job([])
    list(job.follow())
    assert job.outcome is not None and "status -9" in job.outcome.text


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(600)",
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
    ],
)
def test_cancelling_leaves_no_process(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(_job, "PATIENCE_SECONDS", 0.5)
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
    count = count_new_masks(tmp_path, 2)
    assert count() == (0, 2)
    (tmp_path / "a.png").touch()
    (tmp_path / ".b.png").touch()
    (tmp_path / "a_instances.tif").touch()
    assert count() == (1, 2)
    assert count_new_masks(tmp_path / "absent", 3)() == (0, 3)


def a_run(folder: Path) -> Path:
    run = folder / "run-1"
    run.mkdir()
    (run / "model.pt").write_bytes(bytes(3 << 20))
    (run / "config.toml").write_text("preset = 'quick'\n")
    (run / "events.jsonl").write_text("")
    return run


def test_a_model_is_copied_whole(tmp_path: Path) -> None:
    job = CopyModel(a_run(tmp_path), tmp_path / "given" / "model")
    news = list(job.follow())
    assert news[-1].done == news[-1].total > 3000
    assert job.outcome is not None and job.outcome.ended
    assert sorted(path.name for path in (tmp_path / "given" / "model").iterdir()) == ["config.toml", "model.pt"]
    assert (tmp_path / "given" / "model" / "model.pt").read_bytes() == (tmp_path / "run-1" / "model.pt").read_bytes()


def test_a_cancelled_copy_leaves_nothing(tmp_path: Path) -> None:
    job = CopyModel(a_run(tmp_path), tmp_path / "given" / "model")
    for _ in job.follow():
        job.cancel()
    assert job.outcome is not None and not job.outcome.ended
    assert list((tmp_path / "given").iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    job = CopyModel(a_run(tmp_path), target)
    list(job.follow())
    assert job.outcome is not None and "exists already" in job.outcome.text
