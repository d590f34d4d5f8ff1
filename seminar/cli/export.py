"""seminar export: the model as a file that other programs open."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from seminar.cli.app import app


@app.command()
def export(
    model: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or a model.pt")],
    format: Annotated[
        str,
        typer.Option(
            help=(
                "pt2 (torch.export), onnx, bioimageio (a bioimage.io model package), or folder (for"
                " Seminar)"
            )
        ),
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
    """Write the model for other programs; it is opened there and compared with our own
    prediction before it counts as done.
    """
    from seminar.export.export import export
    from seminar.export.formats.bioimageio import Credits

    chosen: Any = format
    found = export(
        model,
        chosen,
        out,
        image=image,
        overwrite=overwrite,
        credits=Credits(name=name, author=author, license=license),
    )
    Console().print(f"{out} written. {found.sentence()}", highlight=False, soft_wrap=True)
