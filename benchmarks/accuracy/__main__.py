"""Prove it: the paper's tables on real images, and other methods on the same clicks.

    python benchmarks/accuracy table3 SHARED_DATA --out FOLDER [--sets fluo20,ccp60] [--seeds 0,1,2]
    python benchmarks/accuracy peers  SHARED_DATA --out FOLDER     needs pip install -e '.[bench]'
    python benchmarks/accuracy fig4   SHARED_DATA --out FOLDER     self-generation against a student-student module
    python benchmarks/accuracy fig5   SHARED_DATA --out FOLDER     modules, ema_decay, lambda_pcons
    python benchmarks/accuracy time   SHARED_DATA --out FOLDER     time to the first useful mask
    python benchmarks/accuracy page   SHARED_DATA --out FOLDER --page benchmarks/accuracy.md

Every row is a `seminar` command on a copy of a set in FOLDER with clicks from `seminar simulate-clicks --seed 0`, scored on the whole val
split. A finished row is kept in FOLDER/rows and not measured again: delete its file to repeat it.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from benchmarks.accuracy.page import write_page
from benchmarks.accuracy.pictures import contact_sheet
from benchmarks.accuracy.plan import TABLES, Bench
from benchmarks.measure import SETS

DEFAULT_SETS = {
    "table3": "fluo20,histology20,fluo100,ccp60,camvid60",
    "peers": "fluo20,histology20,fluo3,histology3,fluo100,ccp60,camvid60",
    "fig4": "histology20",
    "fig5": "histology20",
    "time": "fluo20,histology20",
    "page": ",".join(SETS),
}

MAY_BE_SHOWN = ("dsb2018_fluo", "dsb2018_histology")
"""Data whose licence allows pictures of it in the repository (CC0)."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("table", choices=[*TABLES, "page"])
    arguments.add_argument("shared", type=Path, metavar="SHARED_DATA")
    arguments.add_argument("--out", type=Path, default=Path("benchmark-accuracy"), metavar="FOLDER")
    arguments.add_argument("--sets", default="", help=f"of {', '.join(SETS)}")
    arguments.add_argument("--seeds", default="0,1,2")
    arguments.add_argument("--train-options", default="", help="for a trial: '--iterations 10'")
    arguments.add_argument("--page", type=Path, default=Path("benchmarks/accuracy.md"))
    options = arguments.parse_args()
    bench = Bench(options.shared.resolve(), options.out.resolve(), tuple(shlex.split(options.train_options)))
    sets = (options.sets or DEFAULT_SETS[options.table]).split(",")
    if options.table == "page":
        measured = [name for name in sets if (bench.out / "rows" / name).is_dir()]
        for name in measured:
            public = SETS[name].source in MAY_BE_SHOWN
            folder = options.page.parent / "pictures" if public else bench.out / "pictures"
            contact_sheet(bench, name, folder / f"{name}.jpg")
        write_page(bench, measured, options.page)
        return
    for seed in map(int, options.seeds.split(",")):  # one seed of everything first
        for name in sets:
            bench.measure(options.table, name, seed)


if __name__ == "__main__":
    main()
