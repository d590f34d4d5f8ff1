"""Put small faults into a copy of the code, one at a time, and count those that the tests notice.

    python benchmarks/faults [--rooms training losses ...] [--workers 2] [--only NUMBER ...]

The faults are in faults.toml: a file, the text that is there once, the text that replaces it, and
the tests that should fail. A fault is noticed if these tests fail, or do not end within ten
minutes. Each worker has a copy of the checkout of its own; the checkout itself is never changed.
Rooms of the plugin need a display (xvfb-run).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parents[2]
COPIED = ("seminar", "seminar_napari", "tests", "benchmarks", "examples", "docs", "sample_data")
FILES = ("pyproject.toml", "README.md", "CONTRIBUTING.md", "Makefile", "napari.yaml", "LICENSE")
LONGEST_SECONDS = 600
WINDOW_PLUGINS = ("napari", "napari-plugin-engine", "npe2")


@dataclass(frozen=True)
class Fault:
    """One change of the code.

    Attributes
    ----------
    file : str
        Path in the checkout.
    find, replace : str
        The text, which is there once, and what takes its place.
    tests : tuple of str
        Paths and options for pytest, several groups are tried in turn until one fails.
    """

    number: int
    file: str
    what: str
    find: str
    replace: str
    tests: tuple[str, ...]

    @property
    def room(self) -> str:
        """Folder below the package, or the file itself."""
        package, _, rest = self.file.partition("/")
        return f"{package}/{rest.partition('/')[0]}"


def read_faults(path: Path) -> tuple[Fault, ...]:
    """The faults of a TOML file, numbered from 1."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["fault"]
    return tuple(
        Fault(number, **{**row, "tests": tuple(row["tests"])})
        for number, row in enumerate(rows, start=1)
    )


def copy_checkout(folder: Path) -> None:
    """Copy all that the tests need."""
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "rows")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name, follow_symlinks=False)


def outcome(fault: Fault, checkout: Path) -> str:
    """Which group of tests noticed the fault; empty if none did."""
    file = checkout / fault.file
    text = file.read_text(encoding="utf-8")
    if text.count(fault.find) != 1:
        raise SystemExit(
            f"faults.toml, fault {fault.number}: expected its text once in {fault.file}, found it"
            f" {text.count(fault.find)} times; correct the fault"
        )
    file.write_text(text.replace(fault.find, fault.replace), encoding="utf-8")
    environment: Mapping[str, str] = os.environ | {
        "PYTHONPATH": str(checkout),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CI": "1",
    }
    shared = ROOT.parent / "shared" / "data"
    environment = {"SEMINAR_SHARED_DATA": str(shared), **environment}
    try:
        for group in fault.tests:
            command = [sys.executable, "-P", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
            if fault.file.startswith("seminar/"):  # napari's and Qt's plugins take seconds to load
                command += [part for name in WINDOW_PLUGINS for part in ("-p", f"no:{name}")]
            try:
                done = subprocess.run(
                    [*command, *group.split()],
                    cwd=checkout,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=LONGEST_SECONDS,
                )
            except subprocess.TimeoutExpired:
                return f"{group} (does not end)"
            if done.returncode not in (0, 1, 2):
                raise SystemExit(f"fault {fault.number}: pytest {group}: {done.stdout[-800:]}")
            if done.returncode:
                failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
                return (failed[0].removeprefix("FAILED ") if failed else group)[:150]
        return ""
    finally:
        file.write_text(text, encoding="utf-8")


def outcomes(faults: Sequence[Fault], workers: int) -> Iterator[tuple[Fault, str]]:
    """Each fault with what noticed it, in order."""
    with tempfile.TemporaryDirectory(prefix="seminar-faults-") as folder:
        free: Queue[Path] = Queue()
        for number in range(workers):
            copy_checkout(Path(folder) / str(number))
            free.put(Path(folder) / str(number))

        def tried(fault: Fault) -> str:
            checkout = free.get()
            try:
                return outcome(fault, checkout)
            finally:
                free.put(checkout)

        with ThreadPoolExecutor(workers) as pool:
            yield from zip(faults, pool.map(tried, faults), strict=True)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--faults", type=Path, default=Path(__file__).with_name("faults.toml"))
    arguments.add_argument("--rooms", nargs="+", help="such as training, losses, session")
    arguments.add_argument("--only", nargs="+", type=int, help="numbers of faults")
    arguments.add_argument("--workers", type=int, default=2)
    options = arguments.parse_args()
    faults = [
        fault
        for fault in read_faults(options.faults)
        if (not options.only or fault.number in options.only)
        and (not options.rooms or fault.room.partition("/")[2] in options.rooms)
    ]
    start = time.monotonic()
    noticed: dict[str, list[bool]] = {}
    for fault, by in outcomes(faults, options.workers):
        noticed.setdefault(fault.room, []).append(bool(by))
        print(f"{fault.number:3} {by or 'NOT NOTICED':60} {fault.file}: {fault.what}", flush=True)
    print("\n| room | faults | noticed |\n|---|---|---|")
    for room, results in sorted(noticed.items()):
        print(f"| {room} | {len(results)} | {sum(results)} |")
    total = [result for results in noticed.values() for result in results]
    print(f"| all | {len(total)} | {sum(total)} |\n\n{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
