"""`seminar evaluate`: intersection over union with dense masks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from seminar.cli.terminal.arguments import DeviceOption, MinAreaOption
from seminar.cli.terminal.texts import progress_bar
from seminar.errors import SeminarError
from seminar.run.folder import RunFolder

if TYPE_CHECKING:
    from seminar.inference.instances.rules import Rules
    from seminar.inference.metrics import Scores

PROTOCOLS = ("full", "center-crop")


def evaluate(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_OR_MASK_DIR",
            help="Folder of a run, a model.pt, or a folder of label PNGs <image_id>.png",
        ),
    ],
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="Project folder with dense masks")
    ],
    split: Annotated[
        str,
        typer.Option(
            help="ImageSets/Segmentation/<split>.txt; all takes every image with a dense mask"
        ),
    ] = "val",
    protocol: Annotated[
        str,
        typer.Option(
            help="full: whole images; center-crop: the middle 513 x 513 as in the literature"
        ),
    ] = "full",
    instances: Annotated[
        bool,
        typer.Option(
            "--instances",
            help="Also score objects against SegmentationObject: F1 at two overlaps, panoptic"
            " quality, error of the count",
        ),
    ] = False,
    min_area: MinAreaOption = 0,
    device: DeviceOption = "auto",
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print fractions as JSON instead of a table in percent"),
    ] = False,
) -> None:
    """Score a model or a folder of masks on dense masks."""
    if protocol not in PROTOCOLS:
        raise SeminarError(f"--protocol {protocol}: expected one of {', '.join(PROTOCOLS)}")
    from seminar.inference.evaluate import Protocol, evaluate
    from seminar.project.project import Project

    opened = Project.open(project)
    found = _model_or_masks(source, device)
    chosen: Protocol = next(name for name in get_args(Protocol) if name == protocol)
    with progress_bar("Scoring") as progress:
        scores = evaluate(
            found,
            opened,
            split=split,
            protocol=chosen,
            progress=progress,
            instances=instances,
            rules=_rules(source, found, instances).with_min_area(min_area),
        )
    if as_json:
        print(scores.to_json())
    else:
        _print_table(scores)


def _model_or_masks(source: Path, device: str) -> Any:
    """A predictor, or the folder itself where it holds masks."""
    if not source.exists():
        raise SeminarError(
            f"{source}: no such file or folder; give the folder of a run, a model.pt, or a folder "
            "of label PNGs"
        )
    run = RunFolder(source)
    is_run = run.model_path.exists() or run.config_path.exists()
    if source.is_dir() and not is_run:
        if not any(source.glob("*.png")):
            raise SeminarError(
                f"{source}: neither a run (no model.pt) nor masks (no PNG); give one of these"
            )
        return source
    from seminar.inference.predictor import Predictor

    return Predictor.from_folder(source, device)


def _rules(source: Path, found: Any, is_wanted: bool) -> Rules:
    """Of objects in images without clicks, learnt where they are wanted."""
    from seminar.inference.instances.learnt_rules import learn_rules, rules_of

    if is_wanted and found is not source:
        return learn_rules(source, found.predict)
    return rules_of(source)


def _print_table(scores: Scores) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Intersection over union, {scores.images} images", title_justify="left")
    table.add_column("class")
    table.add_column("all pixels, %", justify="right")
    table.add_column("mean over images, %", justify="right")
    for name, value in scores.per_class_iou.items():
        table.add_row(name, _percent(value), _percent(scores.per_image_iou[name]))
    table.add_section()
    table.add_row("mean", _percent(scores.mean_iou), "")
    Console(markup=False).print(table)
    if scores.instances:
        objects = Table(title="Objects", title_justify="left", show_header=False)
        for name, value in (
            ("F1 at IoU .5, %", scores.instances.f1_50),
            ("F1 at IoU .75, %", scores.instances.f1_75),
            ("panoptic quality, %", scores.instances.pq),
            ("error of the count, %", scores.instances.count_error),
        ):
            objects.add_row(name, _percent(value))
        Console(markup=False).print(objects)


def _percent(value: float | None) -> str:
    return "absent" if value is None else f"{100 * value:.1f}"
