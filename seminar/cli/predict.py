"""`seminar predict`: label maps of new images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seminar.cli.terminal.arguments import DeviceOption, MinAreaOption, PagesChoice
from seminar.cli.terminal.texts import progress_bar


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
            help="Folder for the label PNGs; not needed if all images are OME-Zarr, which contain"
            " their labels unless they are read-only"
        ),
    ] = None,
    instances: Annotated[
        bool,
        typer.Option(
            "--instances",
            help="Also number the objects: NAME_instances.tif, 16-bit (in an OME-Zarr, a label"
            " image); an image of a project is divided at its clicks, if it has some",
        ),
    ] = False,
    min_area: MinAreaOption = 0,
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities",
            help="Also write NAME_probabilities.tif, one float page per class; for OME-Zarr and"
            " large images NAME_probabilities.zarr",
        ),
    ] = False,
    pages: Annotated[
        PagesChoice,
        typer.Option(help="Pages of a tif: as the file says, an image each, or channels"),
    ] = PagesChoice.auto,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also predict images whose output exists")
    ] = False,
    device: DeviceOption = "auto",
    tile_size: Annotated[
        int,
        typer.Option(
            help="Largest side in pixels that the network takes at once, a multiple of 16 (of a "
            "probe, 32); 0 takes the network's own, such as 768"
        ),
    ] = 0,
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="dask.distributed scheduler, tcp://host:8786, that predicts OME-Zarr and large"
            " images",
        ),
    ] = "",
) -> None:
    """Predict label maps, one indexed PNG per image.

    Existing outputs are skipped, so an interrupted job can be run again.
    """
    from rich.console import Console

    from seminar.inference.job import PredictionJob
    from seminar.inference.outputs import find_images

    job = PredictionJob(
        model,
        find_images(images),
        out=out,
        instances=instances,
        probabilities=probabilities,
        overwrite=overwrite,
        device=device,
        tile_size=tile_size,
        scheduler=scheduler,
        pages=pages.value,
        min_area=min_area,
    )
    with progress_bar("Predicting") as progress:
        summary = job.run(progress)
    Console(stderr=True).print(summary.sentence(), highlight=False, markup=False, soft_wrap=True)
    summary.raise_faults()
