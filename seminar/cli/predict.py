"""seminar predict, seminar evaluate: label maps of new images, and how good they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from seminar.cli.app import app
from seminar.errors import SeminarError
from seminar.evaluation.metrics import Scores

PROTOCOLS = ("full", "center-crop")


@app.command()
def predict(
    model: Annotated[
        Path, typer.Argument(metavar="RUN_OR_MODEL", help="Folder of a run, or a model.pt")
    ],
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES...",
            help="Files, folders, projects, patterns like 'field_*.tif', OME-Zarr folders",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help=(
                "Folder for the label PNGs; not needed where all images are OME-Zarr, which hold"
                " their labels themselves"
            )
        ),
    ] = None,
    instances: Annotated[
        bool,
        typer.Option(
            "--instances",
            help=(
                "Also one number an object: NAME_instances.tif, 16-bit (a label image of an"
                " OME-Zarr); from the clicks where an image of a project has some"
            ),
        ),
    ] = False,
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities",
            help=(
                "Also NAME_probabilities.tif, one float page a class; of OME-Zarr and large images"
                " NAME_probabilities.zarr"
            ),
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Predict images again whose output exists")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    tile_size: Annotated[
        int,
        typer.Option(
            help="Largest side in pixels that goes through the network at once, a multiple of 16"
        ),
    ] = 768,
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help=(
                "A dask.distributed scheduler, tcp://host:8786, that predicts OME-Zarr and large"
                " images"
            ),
        ),
    ] = "",
) -> None:
    """Predict label maps: an indexed PNG an image. What exists already is passed over, so that a
    job can be taken up again.
    """
    from seminar.inference.job import PredictionJob
    from seminar.inference.outputs import find_images

    found = find_images(images)
    job = PredictionJob(
        model,
        found,
        out=out,
        instances=instances,
        probabilities=probabilities,
        overwrite=overwrite,
        device=device,
        tile_size=tile_size,
        scheduler=scheduler,
    )
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        summary = job.run(_progress(bar, "Predicting"))
    console.print(summary.sentence(), highlight=False, soft_wrap=True)
    summary.raise_faults()


@app.command()
def evaluate(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_OR_MASK_DIR",
            help="Folder of a run, a model.pt, or a folder of label PNGs <image_id>.png",
        ),
    ],
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="Project folder with dense truth")
    ],
    split: Annotated[
        str,
        typer.Option(help="ImageSets/Segmentation/<split>.txt; all takes every image with truth"),
    ] = "val",
    protocol: Annotated[
        str,
        typer.Option(
            help="full: whole images; center-crop: the middle 513 x 513 as in the literature"
        ),
    ] = "full",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Fractions as one line of JSON instead of a table in percent"),
    ] = False,
) -> None:
    """Score a model or a folder of masks against the dense truth of a project."""
    if protocol not in PROTOCOLS:
        raise SeminarError(f"--protocol {protocol}: expected one of {', '.join(PROTOCOLS)}")
    from seminar.evaluation.evaluate import Protocol, evaluate
    from seminar.project.project import Project

    opened = Project.open(project)
    found = _model_or_masks(source, device)
    chosen: Protocol = next(name for name in get_args(Protocol) if name == protocol)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        scores = evaluate(
            found, opened, split=split, protocol=chosen, progress=_progress(bar, "Scoring")
        )
    if as_json:
        print(scores.to_json())
    else:
        _print_table(scores)


def _model_or_masks(source: Path, device: str) -> Any:
    """A predictor, or the folder itself where it holds masks."""
    if not source.exists():
        raise SeminarError(
            f"{source}: no such file or folder; give the folder of a run, a model.pt, or a folder"
            " of label PNGs"
        )
    is_run = (source / "model.pt").exists() or (source / "config.toml").exists()
    if source.is_dir() and not is_run:
        if not any(source.glob("*.png")):
            raise SeminarError(
                f"{source}: neither a run (no model.pt) nor masks (no PNG); give one of these"
            )
        return source
    from seminar.inference.predictor import Predictor

    return Predictor.from_folder(source, device)


def _progress(bar: Progress, title: str) -> Callable[[float, float], None]:
    task = bar.add_task(title, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)


def _print_table(scores: Scores) -> None:
    table = Table(title=f"Intersection over union, {scores.images} images", title_justify="left")
    table.add_column("class")
    table.add_column("all pixels, %", justify="right")
    table.add_column("mean over images, %", justify="right")
    for name, value in scores.per_class_iou.items():
        table.add_row(name, _percent(value), _percent(scores.per_image_iou[name]))
    table.add_section()
    table.add_row("mean", _percent(scores.mean_iou), "")
    Console().print(table)


def _percent(value: float | None) -> str:
    return "absent" if value is None else f"{100 * value:.1f}"
