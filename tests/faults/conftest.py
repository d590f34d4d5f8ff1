"""Fixtures of the tests with real faults: a disk that is full, a process that is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOAK = ROOT / "benchmarks" / "soak"
sys.path.insert(0, str(SOAK))  # the long trials; here they run with small numbers


@pytest.fixture
def run_script() -> Callable[..., str]:
    """Run one of benchmarks/soak in a process of its own; returns what it printed."""

    def run(name: str, *arguments: object, timeout: float = 900) -> str:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(SOAK / name), *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=timeout
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of so many bytes ("2m"), which only root can; skips where that is refused."""
    mounted = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk of {size}"
        folder.mkdir()
        done = (
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)],
                capture_output=True,
                text=True,
            )
            if sys.platform == "linux" and os.geteuid() == 0
            else None
        )
        if done is None or done.returncode:
            pytest.skip("a small disk can be mounted by root on Linux alone")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
