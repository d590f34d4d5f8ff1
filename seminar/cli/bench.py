"""`seminar bench`: measure this machine; figures for the benchmark pages."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Annotated, Literal

import typer

from seminar.cli.app import app
from seminar.errors import SeminarError


@app.command()
def bench(
    what: Annotated[
        Literal["crf", "step", "predict", "overlay"], typer.Argument(help="What to measure")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else")
    ] = False,
    device: Annotated[str, typer.Option("--device", help="Device for step")] = "auto",
) -> None:
    """Measure the dense-CRF loss, a training step, tiled prediction, or the window's overlays
    (ratios side by side in one run).
    """
    if what == "overlay":  # it needs napari, which the library never imports: a process of its own
        _run_in_window(as_json)
    elif what in ("crf", "predict"):
        module = [sys.executable, "-m", f"seminar.bench.{what}", *(["--json"] if as_json else [])]
        raise typer.Exit(subprocess.run(module, check=False).returncode)
    else:
        from seminar.bench.step import run_step_bench

        figures = dataclasses.asdict(run_step_bench(device=device))
        print(
            json.dumps(figures)
            if as_json
            else "\n".join(
                f"{name.replace('_', ' ')}: {_text(value)}" for name, value in figures.items()
            )
        )


def _run_in_window(as_json: bool) -> None:
    command = [
        sys.executable,
        "-m",
        "seminar_napari._bench_overlay",
        *(["--json"] if as_json else []),
    ]
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise SeminarError(
            "bench overlay: the window's benchmark did not run (see above); it needs napari with Qt"
            " and a display"
        )


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
