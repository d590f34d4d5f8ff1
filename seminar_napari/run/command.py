"""The `seminar train` command of a run: started by the window, copied by "Copy command"."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from seminar.config.fit import FITTED
from seminar.config.settings import TrainConfig, preset
from seminar.run.folder import RunFolder


def train_arguments(project: Path, run: str, config: TrainConfig) -> tuple[str, ...]:
    """Arguments of `seminar` that train with exactly these settings.

    The preset is always named, followed by the settings that differ from it, and by those that the
    command would otherwise fit to the images.
    """
    arguments = ["train", str(project), "--run", run, "--preset", config.preset]
    start = preset(config.preset)
    for setting in dataclasses.fields(config):
        value = getattr(config, setting.name)
        is_usual = value == getattr(start, setting.name)
        if setting.name in FITTED and config.start == "probe":
            is_usual = False
        if setting.name != "preset" and not is_usual:
            arguments += _option(setting.name, value)
    return tuple(arguments)


def _option(name: str, value: object) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    text = ",".join(_text(item) for item in value) if isinstance(value, tuple) else _text(value)
    # one word with "=" where the value looks like an option
    return [f"--{flag}={text}"] if text.startswith("-") else [f"--{flag}", text]


def _text(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def resume_arguments(run: RunFolder) -> tuple[str, ...]:
    """Arguments of `seminar` that resume a run with its own settings."""
    return ("train", str(run.project), "--run", run.path.name, "--resume")


def shell_line(arguments: Iterable[str]) -> str:
    """One line for a terminal of this operating system."""
    words: Sequence[str] = ("seminar", *arguments)
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def next_run_name(taken: Iterable[str]) -> str:
    """The first free name: run-1, run-2, ..."""
    numbers = (re.fullmatch(r"run-(\d{1,9})", name) for name in taken)
    return f"run-{max((int(match[1]) for match in numbers if match), default=0) + 1}"
