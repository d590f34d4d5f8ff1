"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

ProjectArgument = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="Project folder", show_default=False)
]
SplitOption = Annotated[
    str,
    typer.Option(help="Images of ImageSets/Segmentation/<split>.txt; without train.txt all images"),
]
LimitOption = Annotated[
    int, typer.Option(min=0, help="Use the first images only, at most this many; 0 takes all")
]
ReplaceClicksOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace clicks that images already have")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")]


MinAreaOption = Annotated[
    int,
    typer.Option(
        min=0,
        help="Pixels below which there is no object in an image without clicks; 0: 15 % of the"
        " median of the clicked objects of the run's project, or 12",
    ),
]


class PagesChoice(StrEnum):
    """Meaning of the pages of a tif."""

    auto = "auto"
    planes = "planes"
    channels = "channels"
