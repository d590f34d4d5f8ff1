"""The CRF's benchmark gives every figure, on a small scale."""

from __future__ import annotations

import dataclasses
import json
import sys

import pytest
import torch
from forked import run_python

from benchmarks.crf import cpu
from benchmarks.crf.cpu import CrfBench, CrfRow, format_table, run_crf_bench


def test_every_figure_comes_out_and_is_sane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_SIDES", (16, 32))
    measure = cpu._memory
    monkeypatch.setattr(
        cpu, "_memory", lambda _: measure(128)
    )  # smaller ones fit into what is there already
    monkeypatch.setattr(cpu.subprocess, "run", lambda command, **_: run_python(command[-1]))
    bench = run_crf_bench(size=32, repeats=1, step=lambda: torch.rand(64, 64).exp())
    values = {row.name: row.value for row in bench.rows}
    assert {name.split(",")[0] for name in values} >= {
        "error",
        "time",
        "share of a training step",
        "exponent of time in pixels",
    }
    errors = [values[f"error, m = {m}, worst photo"] for m in (128, 256, 512)]
    assert 10 > errors[0] > errors[2] > 0
    assert all(values[f"time, K = {k}{how}"] > 0 for k in (2, 21) for how in ("", ", prepared"))
    shares = [value for name, value in values.items() if name.startswith("share")]
    assert len(shares) == 2
    assert all(50 < share < 100 for share in shares)  # beside next to nothing
    assert [row.name for row in bench.rows if row.bar == 3.0 and row.unit == "%"] == [
        "error, m = 256, worst photo",
        "share of a training step, K = 21, landmarks from the loader",
    ]
    peaks = [value for name, value in values.items() if name.startswith("peak")]
    assert len(peaks) == (2 if sys.platform == "linux" else 0)
    gradient = (
        21 * 128 * 128 * 4 / 1e6
    )  # MB, which any call needs at least; resident memory counts in pages of 1.024 kB
    assert all(0.9 * gradient < peak < 100 for peak in peaks)


def test_the_table_says_what_is_met(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (
        CrfRow("one", 0.5, "s", 1.0),
        CrfRow("two", 1.5, "s", 1.0, "so"),
        CrfRow("three", 3.0, "s", None),
    )
    bench = CrfBench(rows, "a lattice", 1)
    table = format_table(bench)
    assert "| one | 0.50 s | ≤ 1 | yes |  |" in table
    assert "| two | 1.50 s | ≤ 1 | **no** | so |" in table
    assert "| three | 3.00 s | – | – |  |" in table
    monkeypatch.setattr(cpu, "run_crf_bench", lambda **_: bench)
    monkeypatch.setattr(sys, "argv", ["crf", "--json"])
    cpu.main()
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(dataclasses.asdict(bench)))
