"""`seminar export`: a model as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from seminar.export.format_table import FORMATS


def export(
    model: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or a model.pt")],
    format: Annotated[
        str, typer.Option(help="; ".join(f"{name}: {row.help}" for name, row in FORMATS.items()))
    ],
    out: Annotated[Path, typer.Option(help="File to write, .pt2, .onnx or .zip, or the folder")],
    image: Annotated[
        Path | None,
        typer.Option(
            help="Real image to check the export on; by default the first of the run's project"
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file if it exists")
    ] = False,
    name: Annotated[str, typer.Option(help="bioimageio: title of the model")] = "",
    author: Annotated[str, typer.Option(help="bioimageio: who trained it")] = "unknown author",
    license: Annotated[
        str, typer.Option(help="bioimageio: SPDX identifier, such as CC-BY-4.0")
    ] = "",
) -> None:
    """Write a model for other programs.

    The exported file is opened again and its prediction compared with ours.
    """
    from seminar.export.export import export
    from seminar.export.job import Credits

    found = export(
        model,
        format,
        out,
        image=image,
        overwrite=overwrite,
        credits=Credits(name=name, author=author, license=license),
    )
    sentence = f"{out} written. {found.sentence()}"
    Console().print(sentence, highlight=False, markup=False, soft_wrap=True)
