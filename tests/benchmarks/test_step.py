"""The benchmark of a training step gives every figure, on a small scale."""

from __future__ import annotations

import json

import pytest

from benchmarks.speed import step
from benchmarks.speed.step import StepBench, run_step_bench
from seminar.config.settings import preset


def test_every_kind_of_step_is_measured() -> None:
    config = preset("balanced").replace(crop_size=64, batch_size=2)
    found = run_step_bench(device="cpu", rounds=1, config=config)
    assert (found.crop_size, found.batch_size, found.rounds) == (64, 2, 1)
    assert found.student_seconds > 0
    assert min(found.teacher_ratio, found.crf_ratio, found.ancillary_ratio, found.plan_ratio) > 0


def test_the_figures_are_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = StepBench("a GPU", 192, 4, 9, 0.0283, 1.27, 1.35, 1.67, 0.0)
    monkeypatch.setattr(step, "run_step_bench", lambda **_: figures)
    step.main(["--json"])
    assert json.loads(capsys.readouterr().out)["ancillary_ratio"] == 1.67
    step.main([])
    assert "student seconds: 0.0283\nteacher ratio: 1.27\n" in capsys.readouterr().out
