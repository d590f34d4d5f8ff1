"""What a long trial has found so far: one JSON object a line, so that it can be stopped and
taken up again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Outcome = dict[str, Any]


def read(path: Path | None) -> list[Outcome]:
    """The outcomes in a record; nothing where there is none yet. A line torn by a kill is left
    out.
    """
    if path is None or not path.exists():
        return []
    lines = path.read_text().split("\n")
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def keep_trying(
    trial: Callable[[int], Outcome], *, count: int, record: Path | None
) -> list[Outcome]:
    """Outcomes of trials 0 to `count` - 1, those in the record not tried again."""
    outcomes = read(record)[:count]
    while len(outcomes) < count:
        outcome = trial(len(outcomes))
        outcomes.append(outcome)
        if record is not None:
            record.parent.mkdir(parents=True, exist_ok=True)
            with record.open("a") as file:
                file.write(json.dumps(outcome) + "\n")
    return outcomes


def machine() -> str:
    """This machine and this moment, for the results page."""
    model = platform.processor() or platform.machine()
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        named = [
            line.split(":", 1)[1].strip()
            for line in cpu.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = named[0] if named else model
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} x {model}, {platform.system()},"
        f" Python {platform.python_version()}"
    )


def arguments(description: str, count: str, default: int) -> argparse.ArgumentParser:
    """The arguments that all of these scripts take: how many trials, and where they are noted."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        f"--{count}", type=int, default=default, help=f"how many (default {default})"
    )
    parser.add_argument(
        "--record", type=Path, help="note each outcome here, and go on where the file ends"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser
