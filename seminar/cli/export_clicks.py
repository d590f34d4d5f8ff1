"""`seminar export-clicks`: clicks, objects and masks as files for other programs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from seminar.cli.terminal.arguments import ProjectArgument
from seminar.cli.terminal.texts import count, progress_bar
from seminar.clicks.writers.format_table import WRITERS, Kind, formats_of
from seminar.errors import SeminarError

KINDS: dict[Kind, str] = {"clicks": "click", "objects": "object", "masks": "mask"}


def export_clicks(
    project: ProjectArgument,
    format: Annotated[
        str,
        typer.Option(
            help="; ".join(f"{kind}: {', '.join(formats_of(kind))}" for kind in KINDS),
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder to write, or file (.xml of cvat; .json of label-studio and coco)"
        ),
    ],
    objects: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the objects that `seminar predict --instances` put there",
            show_default=False,
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the masks, and objects if any, that `seminar predict` put there",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the folder or file if it exists")
    ] = False,
) -> None:
    """Write clicks, objects or masks for other programs.

    docs/clicks.md says what each program makes of them, and what is lost.
    """
    from seminar.project.export_clicks import export_from_project
    from seminar.project.project import Project

    if objects is not None and masks is not None:
        raise SeminarError("--objects and --masks: one at a time; export twice")
    kind: Kind = "objects" if objects is not None else "masks" if masks is not None else "clicks"
    predictions = objects if objects is not None else masks
    if predictions is not None and not predictions.is_dir():
        raise SeminarError(f"{predictions}: no such folder; name the --out of `seminar predict`")
    opened = Project.open(project)
    states = export_from_project(
        opened, format, out, kind=kind, predictions=predictions, overwrite=overwrite
    )
    done = None
    with closing(states), progress_bar(f"writing {kind}") as progress:
        for done in states:
            progress(done.images, done.total)
    assert done is not None  # an export without images is an error
    title = WRITERS[format].title
    print(
        f"{out}: {count(done.items, KINDS[kind])} on {count(done.images, 'image')} written "
        f"({title})"
    )
    if done.outside:
        print(f"{count(done.outside, 'click')} outside of their image not written")
    if done.holes:
        print(
            f"{count(done.holes, 'object')} with holes, which polygons of this format cannot have: "
            "filled; coco-rle, imagej and qupath keep them"
        )
