"""The results as a markdown page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.accuracy.measure import SCENE_ITERATIONS, SETS, Row, spread
from benchmarks.accuracy.plan import COUNTS, EMA_DECAYS, LAMBDAS_PCONS, LONG, MODULES, read_rows

BY_HAND = "<!-- from here on written by hand; the tables above are made by benchmarks/accuracy -->"

CLICK_SECONDS = 22.1
"""To annotate an image by clicks (Table 2 of the paper)."""

FULL_SECONDS = 239.7
"""To annotate an image densely (Bearman et al. 2016), also of PASCAL VOC."""

ROWS: dict[str, tuple[str, str]] = {
    "pCE": ("pce", "ancillary"),
    "pCE + CRF": ("pce,crf", "ancillary"),
    "pCE + pCons": ("pce,pcons", "ancillary"),
    "pCE + CRF + pCons (ancillary)": ("seminar", "ancillary"),
    "**seminar (primary)**": ("seminar", "primary"),
    "full supervision": ("full", "full"),
    "random forest": ("forest", "masks"),
    "Otsu": ("otsu", "masks"),
    "Regularized Loss": ("regularized", "ancillary"),
    "What's the Point": ("whats_the_point", "ancillary"),
    "ScribbleSup-like, once": ("scribblesup", "turn-1"),
    "ScribbleSup-like, alternated": ("scribblesup", "turn-2"),
}
"""Title of each row, the file it is in and the network of it."""

STEPS = (
    ("pCE + CRF", "pCE"),
    ("pCE + pCons", "pCE"),
    ("pCE + CRF + pCons (ancillary)", "pCE + CRF"),
    ("pCE + CRF + pCons (ancillary)", "pCE + pCons"),
    ("**seminar (primary)**", "pCE + CRF + pCons (ancillary)"),
    ("**seminar (primary)**", "random forest"),
    ("**seminar (primary)**", "Regularized Loss"),
    ("**seminar (primary)**", "full supervision"),
)
"""What is compared seed by seed."""

Table = dict[str, dict[int, dict[str, float]]]
"""Scores by row and seed."""


def write_page(rows: Path, path: Path) -> None:
    """Write the page from a folder of rows, sets in the order of `SETS`; what stands below
    `BY_HAND` in an older one is kept.

    A set has a part of its own where more than `_images` shows was measured on it.
    """
    by_hand = path.read_text(encoding="utf-8").partition(BY_HAND)[2] if path.exists() else "\n"
    measured = [name for name in SETS if (rows / name).is_dir()]
    sets = [name for name in measured if read_rows(rows, name, "full")]
    parts = [_head(rows)]
    for name in sets:
        parts += [f"## {name}", _set_line(rows, name), _scores(read_table(rows, name))]
    parts += [_images(rows, measured), _budgets(rows, sets)]
    parts += ["## Yardsticks", _yardsticks(rows, sets)]
    parts += ["## Figs. 4 and 5", *(_figures(rows, name) for name in sets)]
    parts += ["## Learning curves", _curves(rows, sets)]
    path.write_text(
        "\n\n".join(part for part in parts if part) + f"\n\n{BY_HAND}{by_hand}", encoding="utf-8"
    )


def read_table(rows: Path, set_name: str) -> Table:
    """The scores of every row of `ROWS` that is there."""
    table: Table = {}
    for title, (name, network) in ROWS.items():
        for seed, row in read_rows(rows, set_name, name).items():
            if network in row:
                table.setdefault(title, {})[seed] = row[network]
    return table


def _head(rows: Path) -> str:
    read = [json.loads(path.read_text()) for path in rows.rglob("*.json")]
    days, versions, torches, machines = (
        sorted({row[key] for row in read}) for key in ("date", "version", "torch", "machine")
    )
    return f"""# What clicks reach, against full supervision and other methods

Measured {days[0]}{f" to {days[-1]}" if len(days) > 1 else ""} on {", ".join(machines)}, \
torch {", ".join(torches)}, \
at commits {", ".join(versions)}.

```sh
pip install -e '.[bench]'     # scikit-learn, for the random forest
for table in table3 peers images budget fig4 fig5 time; do
    python benchmarks/accuracy $table SHARED_DATA --out FOLDER --rows FOLDER/rows
done                          # a second call continues where the first ended
python benchmarks/accuracy page --rows FOLDER/rows
```

Every row is a `seminar` command on the same images with the same clicks \
(`seminar simulate-clicks --seed 0`), ImageNet MobileNetV2,
the same number of iterations a stage, scored on the whole val split. \
Mean ± standard deviation over seeds of training; the clicks stay.
"Pooled" is the IoU from one confusion matrix over all images (of two classes the foreground's, \
of more the mean over classes), "per image" the mean of the images' own.
Images of ccp and camvid have half their sides; \
these sets are trained for {SCENE_ITERATIONS:,} iterations a stage. \
The rows that this page is made of are in [accuracy/rows](accuracy/rows)."""


def _set_line(rows: Path, name: str) -> str:
    counts = read_counts(rows, name)
    return (
        f"{counts['images']} images with {counts['clicks']:,} clicks, {counts['classes']} classes;"
        f" {counts['scored']} images to score."
    )


def read_counts(rows: Path, set_name: str) -> Row:
    """What a set consists of."""
    return dict(json.loads((rows / set_name / f"{COUNTS}.json").read_text()))


def _scores(table: Table) -> str:
    full = table.get("full supervision")
    lines = ["| | pooled | per image | against full | seeds |", "|---|---|---|---|---|"]
    for title, seeds in table.items():
        pooled = _figure(seeds, "pooled")
        share = _share(seeds, full)
        lines.append(
            f"| {title} | {pooled} | {_figure(seeds, 'per_image')} | {share} | {len(seeds)} |"
        )
    compared = []
    for better, worse in STEPS:
        common = sorted(table.get(better, {}).keys() & table.get(worse, {}).keys())
        if common:
            gains = [_gain(table, better, worse, common, key) for key in ("pooled", "per_image")]
            compared.append(
                f"| {better.strip('*')} − {worse} | {gains[0]} | {gains[1]} | {len(common)} |"
            )
    if compared:
        lines += [
            "",
            "| seed by seed | pooled | per image | seeds |",
            "|---|---|---|---|",
            *compared,
        ]
    return "\n".join(lines)


def _gain(table: Table, better: str, worse: str, seeds: Iterable[int], key: str) -> str:
    gains = [table[better][seed][key] - table[worse][seed][key] for seed in seeds]
    mean, deviation = spread(gains)
    return f"{mean:+.3f} ± {deviation:.3f}" if len(gains) > 1 else f"{mean:+.3f}"


def _yardsticks(rows: Path, sets: Sequence[str]) -> str:
    lines = [
        (
            f"Annotation is counted as {CLICK_SECONDS} s an image for clicks (the paper's Table 2)"
            f" and {FULL_SECONDS} s for dense masks (Bearman et al. 2016), both measured on"
        ),
        (
            "PASCAL VOC, whose images have two to three objects. Time to a useful mask: from the"
            " command to the first scoring with 90 % of the"
        ),
        (
            "final score, on the first 8 val images; in brackets without the time that scoring"
            " itself took."
        ),
        "",
        (
            "| set | seminar | against full | against forest | against Otsu, per image | IoU per"
            " 100 clicks | IoU per minute: clicks [dense] | useful mask after |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in sets:
        table = read_table(rows, name)
        ours = table.get("**seminar (primary)**")
        if not ours:
            continue
        counts = read_counts(rows, name)
        images, clicks = counts["images"], counts["clicks"]
        pooled, full, forest, otsu = (
            _mean(ours, "pooled"),
            *(table.get(title) for title in ("full supervision", "random forest", "Otsu")),
        )
        minutes, dense_minutes = CLICK_SECONDS * images / 60, FULL_SECONDS * images / 60
        cells = [
            _figure(ours, "pooled"),
            _share(ours, full),
            f"{pooled - _mean(forest, 'pooled'):+.3f}" if forest else "",
            f"{_mean(ours, 'per_image') - _mean(otsu, 'per_image'):+.3f}" if otsu else "",
            f"{100 * pooled / clicks:.3f}",
            f"{pooled / minutes:.3f}"
            + (f" [{_mean(full, 'pooled') / dense_minutes:.3f}]" if full else ""),
            _useful(rows, name),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _useful(rows: Path, name: str) -> str:
    timed = [row for row in read_rows(rows, name, "time").values() if "seconds" in row]
    if not timed:
        return ""
    wall, bare = (spread([row[key] for row in timed])[0] for key in ("seconds", "without_scoring"))
    return f"{wall:.0f} s [{bare:.0f} s]"


def _images(rows: Path, sets: Sequence[str]) -> str:
    """How many images it takes, for two classes, beside the random forest; empty where that was
    not measured.
    """
    lines = [
        "## How many images",
        "",
        (
            "| images | clicks | seminar, pooled | per image | random forest, pooled | per image |"
            " seeds |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for name in sets:
        ours, forest = (
            read_table(rows, name).get(title, {})
            for title in ("**seminar (primary)**", "random forest")
        )
        counts = read_counts(rows, name)
        if not ours or not forest or counts["classes"] > 2:
            continue
        cells = [_figure(seeds, key) for seeds in (ours, forest) for key in ("pooled", "per_image")]
        lines.append(
            f"| {name} | {counts['clicks']:,} | {' | '.join(cells)} | {len(ours)}, {len(forest)} |"
        )
    return "\n".join(lines) if len(lines) > 4 else ""


def _budgets(rows: Path, sets: Sequence[str]) -> str:
    """What more iterations give to clicks and to dense masks; empty where that was not measured."""
    lines = [
        "## More iterations",
        "",
        (
            "| set | iterations a stage | pCE + CRF | ancillary | seminar (primary) | full"
            " supervision | seminar against full | primary − ancillary | seeds |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in sets:
        if not read_rows(rows, name, f"seminar-{LONG}"):
            continue
        for iterations, suffix in (("as above", ""), (f"{LONG:,}", f"-{LONG}")):
            networks = (
                ("pce,crf", "ancillary"),
                ("seminar", "ancillary"),
                ("seminar", "primary"),
                ("full", "full"),
            )
            columns = [
                {
                    seed: row[network]
                    for seed, row in read_rows(rows, name, f"{run}{suffix}").items()
                    if network in row
                }
                for run, network in networks
            ]
            _, ancillary, primary, full = columns
            table, both = (
                {"primary": primary, "ancillary": ancillary},
                primary.keys() & ancillary.keys(),
            )
            cells = [
                *(_figure(seeds, "pooled") if seeds else "" for seeds in columns),
                _share(primary, full),
                _gain(table, "primary", "ancillary", both, "pooled") if both else "",
                ", ".join(str(len(seeds)) for seeds in columns),
            ]
            lines.append(f"| {name} | {iterations} | {' | '.join(cells)} |")
    return "\n".join(lines) if len(lines) > 4 else ""


def _figures(rows: Path, name: str) -> str:
    """Fig. 4 and Fig. 5 of a set, as far as they were measured."""
    fig4 = [
        ("ancillary", "seminar", "ancillary"),
        ("student-student (seminar)", "seminar", "primary"),
    ]
    fig4 += [
        (f"self-generation, rate {how}", f"self-{how}", "self-generation")
        for how in ("reset", "unchanged")
    ]
    later = ["primary", *(f"primary-{number}" for number in range(2, MODULES + 1))]
    fig5 = [
        (f"{number} modules", "modules", network)
        for number, network in enumerate(["ancillary", *later])
    ]
    fig5 += [(f"ema_decay {decay}", f"ema-{decay}", "ancillary") for decay in EMA_DECAYS]
    fig5 += [(f"lambda_pcons {weight}", f"pcons-{weight}", "ancillary") for weight in LAMBDAS_PCONS]
    parts = []
    for figure, networks, needed in (("Fig. 4", fig4, "self-reset"), ("Fig. 5", fig5, "modules")):
        if not read_rows(rows, name, needed):
            continue
        lines = [f"| {figure}, {name} | pooled | per image | seeds |", "|---|---|---|---|"]
        for title, file, network in networks:
            seeds = {
                seed: row[network]
                for seed, row in read_rows(rows, name, file).items()
                if network in row
            }
            if seeds:
                lines.append(
                    f"| {title} | {_figure(seeds, 'pooled')} | {_figure(seeds, 'per_image')} |"
                    f" {len(seeds)} |"
                )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _curves(rows: Path, sets: Sequence[str]) -> str:
    """Student's mean IoU on the first val images during each run of seed 0, as the run itself
    scored it.
    """
    lines = [
        (
            "Mean IoU (background included) of the student on the first 8 val images while it"
            " trained, seed 0, at each fifth of a stage."
        ),
        "",
        "| set | run | stage | 20 % | 40 % | 60 % | 80 % | 100 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in sets:
        for row in ("pce", "pce,crf", "pce,pcons", "seminar", "full"):
            for stage, curve in read_rows(rows, name, row).get(0, {}).get("curves", {}).items():
                lines.append(
                    f"| {name} | {row} | {stage} |"
                    f" {' | '.join(f'{value:.3f}' for value in curve)} |"
                )
    return "\n".join(lines)


def _share(seeds: dict[int, dict[str, float]], full: dict[int, dict[str, float]] | None) -> str:
    """Pooled IoU as a share of full supervision's; empty where that was not measured."""
    whole = _mean(full, "pooled") if full else 0.0
    return f"{_mean(seeds, 'pooled') / whole:.3f}" if whole else ""


def _mean(seeds: dict[int, dict[str, float]], key: str) -> float:
    return spread([scores[key] for scores in seeds.values()])[0]


def _figure(seeds: dict[int, dict[str, float]], key: str) -> str:
    mean, deviation = spread([scores[key] for scores in seeds.values()])
    return f"{mean:.3f} ± {deviation:.3f}" if len(seeds) > 1 else f"{mean:.3f}"
