"""A small disk that fills up at random moments of a run, and has room again some seconds later:
does the run end as if there had always been room?

Two stages on a tiny project, checkpoints as often as they can be had, all on a disk of its own in
memory, which only root can mount. Each run is filled up once, after a random event and a random
delay. Its weights are compared, bit for bit, with those of a run that nobody disturbed.

    python benchmarks/soak/full_disk.py --runs 20 --record soak/full_disk.jsonl
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from records import Outcome, arguments, keep_trying, machine
from run_kills import Trials, go_on, unusable

from seminar.run.folder import RunFolder

SIZE = "400m"


def fill(folder: Path) -> Path:
    """Take all the room that a small disk has left; the file that takes it, to be deleted."""
    filler = folder / "filler"
    with filler.open("ab") as file:
        for size in (2**20, 65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    os.write(file.fileno(), bytes(size))
    return filler


@contextlib.contextmanager
def disk_in_memory(size: str) -> Iterator[Path]:
    """A disk of so many bytes; goes when the block ends."""
    with tempfile.TemporaryDirectory(prefix="seminar-disk-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


class Runs:
    """One undisturbed run, and others whose disk fills up."""

    def __init__(self, disk: Path, iterations: int, seed: int) -> None:
        self._trials = Trials(disk / "files", iterations, seed)
        self._disk, self._seed = disk, seed
        self._context = multiprocessing.get_context("fork")

    def fill_once(self, number: int) -> Outcome:
        """Run, fill, wait, make room, and let it end."""
        rng = random.Random(f"{self._seed}.{number}")
        run = RunFolder.of(self._trials.project.path, f"filled-{number}")
        here, there = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=go_on, args=(run, self._trials.config, there), daemon=True
        )
        process.start()
        there.close()
        after, delay, full_for = rng.randint(1, 25), rng.uniform(0, 0.3), rng.uniform(0.5, 6)
        seen: list[tuple[str, str, int]] = []
        fill_at = empty_at = float("inf")
        filler: Path | None = None
        with contextlib.suppress(EOFError, OSError):
            while True:
                if here.poll(0.02):
                    seen.append(here.recv())
                    if len(seen) == after:
                        fill_at = time.monotonic() + delay
                if filler is None and time.monotonic() > fill_at:
                    filler, empty_at = fill(self._disk), time.monotonic() + full_for
                elif filler is not None and time.monotonic() > empty_at:
                    filler.unlink(missing_ok=True)
        process.join()
        if filler is not None:
            filler.unlink(missing_ok=True)
        finished = any(kind == "Finished" for kind, _, _ in seen)
        warned = [message for kind, message, _ in seen if kind == "Warned"]
        different = not (finished and self._trials.is_same(run))
        outcome = {
            "seed": number,
            "after": after,
            "filled": filler is not None,
            "exit": process.exitcode,
        }
        outcome |= {"warned": warned, "different": different, "unusable": unusable(run)}
        run.remove()
        return outcome


if __name__ == "__main__":
    parser = arguments(__doc__ or "", "runs", 20)
    parser.add_argument(
        "--iterations", type=int, default=6, help="optimiser steps of each of the two stages"
    )
    options = parser.parse_args()
    with disk_in_memory(SIZE) as disk:
        runs = Runs(disk, options.iterations, options.seed)
        outcomes = keep_trying(runs.fill_once, count=options.runs, record=options.record)
    print(machine())
    print(
        f"runs: {len(outcomes)}, of which filled up:"
        f" {sum(outcome['filled'] for outcome in outcomes)}"
    )
    print(f"runs that said so: {sum(bool(outcome['warned']) for outcome in outcomes)}")
    print(f"runs that did not end well: {sum(outcome['exit'] != 0 for outcome in outcomes)}")
    print(f"runs with other weights: {sum(outcome['different'] for outcome in outcomes)}")
    print(f"unusable: {[outcome['unusable'] for outcome in outcomes if outcome['unusable']]}")
