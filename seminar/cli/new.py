"""`seminar new`: a project from images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seminar.cli.terminal.arguments import PagesChoice, ProjectArgument
from seminar.cli.terminal.texts import count
from seminar.errors import DatasetError
from seminar.labels import ClassNames

if TYPE_CHECKING:
    from seminar.io.tif_layout import Pages


def new(
    project: ProjectArgument,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES", help="Image files, folders or patterns", show_default=False
        ),
    ],
    classes: Annotated[
        str,
        typer.Option(
            help="Names of the classes, background first: background,nucleus; or a classes.txt",
            show_default=False,
        ),
    ],
    pages: Annotated[
        PagesChoice,
        typer.Option(help="Pages of a tif: as the file says, one image each, or channels"),
    ] = PagesChoice.auto,
) -> None:
    """Make a project from copies of images."""
    from seminar.project.create import create_project

    names = _class_names(classes)
    meaning: Pages = pages.value
    ids = create_project(project, images, names, pages=meaning)
    listed = ", ".join(names.names)
    print(f"{project}: {count(len(ids), 'image')}, {names.num_classes} classes ({listed})")


def _class_names(text: str) -> ClassNames:
    path = Path(text)
    if path.suffix != ".txt":
        return ClassNames.parse("\n".join(text.split(",")), "--classes")
    try:
        return ClassNames.parse(path.read_text(encoding="utf-8-sig"), str(path))
    except FileNotFoundError:
        raise DatasetError(
            f"{path}: no such file; correct the name, or list the classes: background,nucleus"
        ) from None
    except UnicodeDecodeError:
        raise DatasetError(f"{path}: not UTF-8 text; save it as UTF-8") from None
