"""Prove it: the paper's tables on real images, and other methods on the same clicks.

    python benchmarks/accuracy TABLE SHARED_DATA [--out FOLDER] [--sets fluo20,ccp60] [--seeds 0,1]
    python benchmarks/accuracy page          writes benchmarks/accuracy.md from the rows

TABLE is one of

    table3    losses, both stages, full supervision
    peers     other methods on the same clicks; needs pip install -e '.[bench]'
    images    from one image up, next to the random forest
    budget    more iterations, for clicks and for dense masks
    fig4      self-generation against a student-student module
    fig5      modules, ema_decay, lambda_pcons
    time      time to the first useful mask
    probe     the linear probe, with many and few clicks on the background, next to the forest
    refined   runs that start at the probe, with clicks as people place them
    losses    the rows of table3 from the probe, with the settings of today
    instances objects, in clicked images and in others, with the runs of the table refined
    convpaint napari-convpaint next to the probe; needs pip install napari-convpaint==1.2.0 six
    judge     whether the measure that needs no truth follows the IoU, over probes of one set
    pictures  masks of seed 0 into FOLDER/pictures, from the runs that are still in FOLDER

Every row is a `seminar` command on a copy of a set in FOLDER with clicks from `seminar
simulate-clicks --seed 0`, scored on the whole val split. A finished row is kept beside this file,
in rows/, and not measured again: delete its file to repeat it, or give another folder, --rows.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from benchmarks.accuracy.measure import SETS
from benchmarks.accuracy.page import write_page
from benchmarks.accuracy.pictures import contact_sheet
from benchmarks.accuracy.plan import TABLES, Bench

HERE = Path(__file__).parent

DEFAULT_SETS = {
    "table3": "fluo20,histology20,fluo100,ccp60,camvid60",
    "peers": "fluo20,histology20,fluo3,histology3,fluo100,ccp60,camvid60",
    "images": "fluo1,fluo5,fluo10,histology1,histology5,histology10",
    "budget": "ccp60,camvid60",
    "fig4": "histology20",
    "fig5": "histology20",
    "time": "fluo20,histology20",
    "probe": "fluo3,fluo20,histology3,histology20,ccp60,camvid60,voc",
    "refined": "fluo20,histology20,histology3,fluo3,histology1,ccp60,camvid60,ccp40full,voc",
    "losses": "voc",
    "instances": "fluo20,histology20",
    "convpaint": "fluo3,fluo20,histology3,histology20,ccp60,camvid60",
    "judge": "fluo3,fluo20,histology3,histology20,ccp60,camvid60,voc",
    "pictures": ",".join(SETS),
}


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("table", choices=[*TABLES, "pictures", "page"])
    arguments.add_argument("shared", type=Path, nargs="?", metavar="SHARED_DATA")
    arguments.add_argument("--out", type=Path, default=Path("benchmark-accuracy"), metavar="FOLDER")
    arguments.add_argument("--rows", type=Path, default=HERE / "rows", metavar="FOLDER")
    arguments.add_argument("--sets", default="", help=f"of {', '.join(SETS)}")
    arguments.add_argument("--seeds", default="0,1,2")
    arguments.add_argument(
        "--train-options", default="", help="for a trial, with --rows: '--iterations 10'"
    )
    arguments.add_argument("--page", type=Path, default=HERE.with_suffix(".md"))
    options = arguments.parse_args()
    if options.table == "page":
        write_page(options.rows, options.page)
        return
    if options.shared is None:
        arguments.error(f"{options.table}: give SHARED_DATA, the folder with the data sets")
    if options.train_options and options.rows == HERE / "rows":
        arguments.error(
            "--train-options: rows of a trial are not the project's; give them a folder, --rows"
        )
    extra = tuple(shlex.split(options.train_options))
    bench = Bench(options.shared.resolve(), options.out.resolve(), options.rows.resolve(), extra)
    sets = (options.sets or DEFAULT_SETS[options.table]).split(",")
    if options.table == "pictures":
        for name in sets:
            if bench.has_runs(name):
                contact_sheet(bench, name, bench.out / "pictures" / f"{name}.jpg")
        return
    for seed in map(int, options.seeds.split(",")):  # one seed of everything first
        for name in sets:
            bench.measure(options.table, name, seed)


if __name__ == "__main__":
    main()
