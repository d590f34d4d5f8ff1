"""Which rows each table has, and how each is measured."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.accuracy.convpaint import convpaint_masks
from benchmarks.accuracy.judges import judge_row
from benchmarks.accuracy.measure import (
    SEMINAR,
    SETS,
    Row,
    measured,
    prepared,
    scores,
    seminar,
    trained,
    without_folders,
)
from benchmarks.accuracy.objects import object_row, time_row
from benchmarks.accuracy.peers import forest_masks, otsu_masks
from seminar.probe.self_training import ENOUGH_IMAGES
from seminar.project.project import Project
from seminar.project.splits import training_ids
from seminar.run.events import Judged, SteppedBack, Validated
from seminar.run.folder import RunFolder

TABLE3: dict[str, tuple[str, ...]] = {
    "pce": ("--losses", "pce"),
    "pce,crf": ("--losses", "pce,crf"),
    "pce,pcons": ("--losses", "pce,pcons"),
    "seminar": (),
    "full": ("--losses", "full"),
}
"""Options of each run; the ancillary of `seminar` is the row pce,crf,pcons."""

REGULARIZED = (
    *(
        "--losses",
        "pce,crf",
        "--crf-method",
        "lattice",
        "--no-crf-normalize",
        "--crf-relaxation",
        "bilinear",
    ),
    *("--sigma-rgb", "15", "--sigma-xy", "100", "--lambda-crf", "25"),
)
"""Tang et al. 2018: their kernel, and the weight that their 2e-9 is under scale-free losses:
2e-9 * 256^2 * 2 pi 50^2 * 12.
"""

WHATS_THE_POINT = ("--losses", "pce,presence")
"""Bearman et al. 2016: points and image-level presence and absence."""

PROPAGATED = ("--losses", "pce,pseudo")
"""Lin et al. 2016 (ScribbleSup): clicks and what they were spread to."""

ALTERNATIONS = 2
"""How often ScribbleSup's rows spread the clicks and train."""

EMA_DECAYS = (0.9, 0.97, 0.99, 0.999)
LAMBDAS_PCONS = (0.01, 0.1, 1.0, 10.0)
MODULES = 3

ANCILLARY = ("--losses", "pce,crf,pcons")
FIG5: Mapping[str, tuple[str, ...]] = {
    "modules": ("--modules", str(MODULES)),
    **{f"ema-{decay}": (*ANCILLARY, "--ema-decay", str(decay)) for decay in EMA_DECAYS},
    **{f"pcons-{each}": (*ANCILLARY, "--lambda-pcons", str(each)) for each in LAMBDAS_PCONS},
}

GOOD_SHARE = 0.9
"""A mask is useful from this share of the final score on."""

LONG = 1500
"""Iterations a stage of the table `budget`."""

COUNTS = "counts"
"""Name of the row with what a set consists of."""

STYLES: Mapping[str, tuple[str, ...]] = {
    "": (),
    "background6": ("--background", "6"),
    "background2": ("--background", "2"),
    "half": ("--share", "0.5", "--background", "6"),
    "wrong": ("--wrong", "0.05", "--background", "6"),
}
"""Clicks as people place them, as options of `seminar simulate-clicks`: as many on the background
as on objects; six and two on the background of an image; on half of the objects; one in twenty on
the wrong class or beside its object.
"""

AMONG = "among"
"""The style in which the images of a set lie among the others of its split, which have no clicks;
for sets of fewer images than the start learns from.
"""

VERSION_0_1 = (
    *("--start", "random", "--backbone", "mobilenet_v2", "--iterations", "250"),
    *("--crf-ramp", "0.2", "--ema-decay", "0.99", "--lr-warmup", "0", "--click-balance", "0"),
    "--no-crf-by-colour",
)
"""The default of version 0.1, with which the tables up to `time` were measured. Its strong view had
no change of colours.
"""

TABLES = (
    *("table3", "peers", "images", "budget", "fig4", "fig5", "time"),
    *("probe", "refined", "losses", "instances", "convpaint", "judge"),
)


@dataclass(frozen=True)
class Bench:
    """Where the data is, where projects and runs go, where the results are kept, and options
    that every training command gets on top of its set's own.
    """

    shared: Path
    out: Path
    rows: Path
    extra: tuple[str, ...] = ()

    def measure(self, table: str, set_name: str, seed: int) -> None:
        """Every row of a table that is not there yet."""
        measured(self.rows, f"{set_name}/{COUNTS}", partial(self.counts, set_name))
        for name, row in self._rows(table, set_name, seed):
            measured(self.rows, f"{set_name}/{name}-{seed}", row)

    def _rows(
        self, table: str, set_name: str, seed: int
    ) -> Iterator[tuple[str, Callable[[], Row]]]:
        train = partial(self.train, set_name, seed)
        later = {
            "probe": self._probe_rows,
            "refined": self._refined_rows,
            "losses": self._loss_rows,
            "instances": self._instance_rows,
            "convpaint": self._convpaint_rows,
            "judge": self._judge_rows,
        }
        if table in later:
            yield from later[table](set_name, seed)
        elif table == "table3":
            for name, options in TABLE3.items():
                yield name, partial(train, name, *options)
        elif table == "peers":
            yield "forest", partial(self.forest, set_name, seed)
            if set_name.startswith("fluo"):
                yield "otsu", partial(self.otsu, set_name)
            yield "regularized", partial(train, "regularized", *REGULARIZED)
            yield "whats_the_point", partial(train, "whats_the_point", *WHATS_THE_POINT)
            yield "scribblesup", partial(self.scribblesup, set_name, seed)
        elif table == "images":
            yield "seminar", partial(train, "seminar")
            yield "forest", partial(self.forest, set_name, seed)
        elif table == "budget":
            for name in ("pce,crf", "seminar", "full"):
                yield (
                    f"{name}-{LONG}",
                    partial(train, f"{name}-{LONG}", *TABLE3[name], "--iterations", str(LONG)),
                )
        elif table == "fig4":
            yield "seminar", partial(train, "seminar")
            for how in ("reset", "unchanged"):
                yield f"self-{how}", partial(train, f"self-{how}", "--self-generation", how)
        elif table == "fig5":
            for name, options in FIG5.items():
                yield name, partial(train, name, *options)
        elif table == "time":
            yield "seminar", partial(train, "seminar")
            yield "time", partial(self.time_to_good, set_name, seed)

    def _refined_rows(self, set_name: str, seed: int) -> Iterator[tuple[str, Callable[[], Row]]]:
        styles = ("",) if SETS[set_name].human else tuple(STYLES)
        if 0 < SETS[set_name].limit < ENOUGH_IMAGES:
            styles = ("", AMONG)
        for style in styles:
            name = f"refined-{style}" if style else "refined"
            yield name, partial(self.refined, set_name, seed, style)

    def _loss_rows(self, set_name: str, seed: int) -> Iterator[tuple[str, Callable[[], Row]]]:
        """The rows of `TABLE3` from the probe of the clicks as it is, each its last student."""
        project, options = self.project(set_name), self.newcomer(set_name, seed)
        for name, losses in TABLE3.items():
            words = [*options, "--no-keep-best", "--no-pseudo-by-image", *losses]
            run = run_name(set_name, f"losses-{name}", seed)
            yield f"losses-{name}", partial(trained, project, run, words)

    def _instance_rows(self, set_name: str, seed: int) -> Iterator[tuple[str, Callable[[], Row]]]:
        yield "instances", partial(self.instances, set_name, seed)
        if seed == 0:
            yield "instances-time", time_row

    def _convpaint_rows(self, set_name: str, _: int) -> Iterator[tuple[str, Callable[[], Row]]]:
        yield "probe", partial(self.probe, set_name)
        yield "convpaint", partial(self.convpaint, set_name)

    def _judge_rows(self, set_name: str, _: int) -> Iterator[tuple[str, Callable[[], Row]]]:
        for style in ("",) if SETS[set_name].human else ("", "background6", "half"):
            name = f"judge-{style}" if style else "judge"
            yield name, partial(self.judge, set_name, style)

    def _probe_rows(self, set_name: str, seed: int) -> Iterator[tuple[str, Callable[[], Row]]]:
        yield "forest", partial(self.forest, set_name, seed)
        yield "probe", partial(self.probe, set_name)
        yield "filters", partial(self.probe, set_name, "--backbone", "none")
        for style in () if SETS[set_name].human else ("background6", "background2"):
            yield f"probe-{style}", partial(self.probe, set_name, style=style)

    def counts(self, set_name: str) -> Row:
        """How many images and clicks train, how many classes there are, and how many images are
        scored.
        """
        project = Project.open(self.project(set_name))
        ids = training_ids(project, "train", SETS[set_name].limit)
        return {
            "images": len(ids),
            "clicks": sum(
                len(clicks) for image_id in ids if (clicks := project.read_clicks(image_id))
            ),
            "classes": project.classes.num_classes,
            "scored": len(project.split("val") or ()),
        }

    def project(self, set_name: str, style: str = "") -> Path:
        """The set's copy with clicks in one of `STYLES`, or `AMONG`; made where it is missing."""
        chosen = SETS[set_name]
        name = f"{chosen.folder}-{style}" if style else chosen.folder
        if style == AMONG:
            name += f"-{chosen.limit}"
        return prepared(
            self.shared / chosen.source,
            self.out / name,
            half=chosen.half,
            human=self.shared / chosen.human if chosen.human else None,
            style=("--limit", str(chosen.limit)) if style == AMONG else STYLES[style],
        )

    def has_runs(self, set_name: str) -> bool:
        """Whether a run of this set is in `out`: rows can be older than the folder."""
        return any((self.out / SETS[set_name].folder / "runs").glob(f"{set_name}-*"))

    def options(self, set_name: str, seed: int) -> list[str]:
        """What every training command of the tables of version 0.1 on a set has in common."""
        chosen = SETS[set_name]
        weights = next((self.shared / "weights").glob("mobilenet_v2*.pth"))
        return [
            *("--weights", str(weights), "--limit", str(chosen.limit), "--seed", str(seed)),
            *VERSION_0_1,
            *chosen.options,
            *self.extra,
        ]

    def train(self, set_name: str, seed: int, name: str, *options: str) -> Row:
        """A training command with these options, and the scores of each stage."""
        run = run_name(set_name, name, seed)
        return trained(self.project(set_name), run, [*self.options(set_name, seed), *options])

    def newcomer(self, set_name: str, seed: int) -> list[str]:
        """The options of a training command with the settings of a newcomer."""
        chosen = SETS[set_name]
        weights = next((self.shared / "weights").glob("tf_efficientnet_lite0*.pth"))
        words = ["--weights", str(weights), "--limit", str(chosen.limit), "--seed", str(seed)]
        words += [word for word in chosen.options if word == "--no-rotations"]
        return [*words, *self.extra]

    def refined(self, set_name: str, seed: int, style: str) -> Row:
        """A run that starts at the probe, with the settings of a newcomer: the model, and what
        each network was judged.
        """
        project, run = self.project(set_name, style), f"{set_name}-refined-{seed}"
        whole = ["--limit", "0"] if style == AMONG else []
        row = trained(project, run, [*self.newcomer(set_name, seed), *whole])
        events = [event for event, _, _ in RunFolder.of(project, run).read_events()]
        return row | {
            "model": scores(project / "runs" / run, project),
            "judged": {
                f"{event.stage} {event.network}": event.score
                for event in events
                if isinstance(event, Judged)
            },
            "steps_back": sum(isinstance(event, SteppedBack) for event in events),
        }

    def instances(self, set_name: str, seed: int) -> Row:
        """Objects in the masks of a run of the table `refined`, which is trained where it is
        missing.
        """
        project = self.project(set_name)
        run = project / "runs" / f"{set_name}-refined-{seed}"
        if not (run / "model.pt").exists():
            self.refined(set_name, seed, "")
        opened = Project.open(project)
        clicked = training_ids(opened, "train", SETS[set_name].limit)
        masks = self.out / "masks" / set_name / f"objects-{seed}"
        return object_row(opened, run, masks, clicked)

    def forest(self, set_name: str, seed: int) -> Row:
        """A random forest on the clicked pixels of the same images."""
        project, folder = self.project(set_name), self.out / "masks" / set_name / f"forest-{seed}"
        start = time.monotonic()
        forest_masks(project, folder, limit=SETS[set_name].limit, seed=seed)
        return {"seconds": time.monotonic() - start, "masks": scores(folder, project)}

    def convpaint(self, set_name: str) -> Row:
        """napari-convpaint with its Gaussian features on the same clicks."""
        project, folder = self.project(set_name), self.out / "masks" / set_name / "convpaint"
        start = time.monotonic()
        convpaint_masks(project, folder, limit=SETS[set_name].limit)
        return {"seconds": time.monotonic() - start, "masks": scores(folder, project)}

    def probe(self, set_name: str, *options: str, style: str = "") -> Row:
        """A probe, its seconds with features and fit, and with the masks of the val images."""
        project = self.project(set_name, style)
        weights = next((self.shared / "weights").glob("tf_efficientnet_lite0*.pth"))
        words = ["--limit", SETS[set_name].limit, "--json", "--store", 0, *options]
        if "none" not in options:
            words += ["--weights", weights]
        folder = self.out / "masks" / set_name / f"probe{''.join(options)}{style}"
        shutil.rmtree(folder, ignore_errors=True)
        start = time.monotonic()
        printed = json.loads(seminar("probe", project, *words))
        fitted = time.monotonic() - start
        ids = Project.open(project).split("val") or ()
        images = [Project.open(project).image_path(image_id) for image_id in ids]
        seminar("predict", project / "runs" / "probe", *images, "--out", folder)
        return {
            "seconds": time.monotonic() - start,
            "fit_command_seconds": fitted,
            "fit_seconds": printed["fit_seconds"],
            "feature_seconds": printed["feature_seconds"],
            "masks": scores(folder, project),
        }

    def judge(self, set_name: str, style: str) -> Row:
        """How the measure that needs no truth follows the IoU."""
        project = Project.open(self.project(set_name, style))
        weights = next((self.shared / "weights").glob("tf_efficientnet_lite0*.pth"))
        return judge_row(project, weights, SETS[set_name].limit)

    def otsu(self, set_name: str) -> Row:
        """Otsu's threshold of each val image."""
        project, folder = self.project(set_name), self.out / "masks" / set_name / "otsu-0"
        otsu_masks(project, folder)
        return {"masks": scores(folder, project)}

    def scribblesup(self, set_name: str, seed: int) -> Row:
        """Clicks spread over superpixels, a network trained on them, its probabilities used to
        spread the clicks anew, and so on.
        """
        project, row = self.project(set_name), Row()
        model: list[object] = []
        for turn in range(1, ALTERNATIONS + 1):
            folder = self.out / "propagated" / set_name / f"{seed}-{turn}"
            shutil.rmtree(folder, ignore_errors=True)
            seminar("propagate", project, "--out", folder, "--limit", SETS[set_name].limit, *model)
            name = f"scribblesup-{turn}"
            trained_row = self.train(
                set_name, seed, name, *PROPAGATED, "--pseudo-labels", str(folder)
            )
            model = ["--model", project / "runs" / run_name(set_name, name, seed)]
            row |= {"options": trained_row["options"], f"turn-{turn}": trained_row["primary"]}
            row["seconds"] = row.get("seconds", 0) + trained_row["seconds"]
        return row

    def time_to_good(self, set_name: str, seed: int) -> Row:
        """Seconds from the command until a network reaches `GOOD_SHARE` of what the run `seminar`
        ends with, both on the first val images.

        `seconds` has the scoring in it, which a person does not wait for; `without_scoring` leaves
        it out.
        """
        project = self.project(set_name)
        final = read_rows(self.rows, set_name, "seminar")[seed]["curves"]["primary"][-1]
        run = RunFolder.of(project, run_name(set_name, "time", seed))
        shutil.rmtree(run.path, ignore_errors=True)
        options = [*self.options(set_name, seed), "--validations", "25"]
        start = time.time()
        process = subprocess.Popen(
            [*SEMINAR, "train", str(project), "--run", run.path.name, *options]
        )
        found: Row | None = None
        while found is None and process.poll() is None:
            time.sleep(0.2)
            found = first_good(run, start, GOOD_SHARE * final)
        process.send_signal(signal.SIGTERM)
        process.wait()
        return {"final": final, "options": without_folders(options)} | (
            found or first_good(run, start, GOOD_SHARE * final) or {}
        )


def first_good(run: RunFolder, start: float, goal: float) -> Row | None:
    """When a run's student or teacher first scored at least `goal`, in seconds after `start`;
    None as long as neither has.
    """
    scoring = 0.0
    last = start
    for event, moment, _ in run.read_events():
        if isinstance(event, Validated):
            scoring += moment - last
            if event.mean_iou >= goal:
                return {
                    "seconds": moment - start,
                    "without_scoring": moment - start - scoring,
                    "iteration": event.iteration,
                    "stage": event.stage,
                    "network": event.network,
                }
        last = moment
    return None


def read_rows(rows: Path, set_name: str, name: str) -> dict[int, Row]:
    """A row's results by seed."""
    found = {}
    for path in (rows / set_name).glob(f"{name}-*.json"):
        seed = path.stem.removeprefix(f"{name}-")
        if seed.isdigit():
            found[int(seed)] = json.loads(path.read_text())
    return dict(sorted(found.items()))


def run_name(set_name: str, name: str, seed: int) -> str:
    """The folder of a run in its project."""
    return f"{set_name}-{name.replace(',', '+')}-{seed}"
