"""`seminar check`: the faults of a project."""

from __future__ import annotations

from typing import Annotated

import typer

from seminar.cli.terminal.arguments import ProjectArgument
from seminar.cli.terminal.texts import count
from seminar.errors import DatasetError


def check(
    project: ProjectArgument,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Decode every image: slower, but finds damage inside files"),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as faults")] = False,
) -> None:
    """Report what is wrong with a project.

    Faults stop training, warnings do not. Without faults, sparse masks that lag behind their
    clicks are written again.
    """
    from seminar.project.check.project import inspect_project
    from seminar.project.project import Project

    opened = Project.open(project)
    findings = inspect_project(opened, deep=deep)
    if not findings.faults:
        opened.mend_masks(opened.clicks_stamps())
    for note in findings.notes:
        print(f"note: {note}")
    for warning in () if strict else findings.warnings:
        print(f"warning: {warning}")
    if faults := findings.faults + (findings.warnings if strict else ()):
        raise DatasetError([f"{project}: {count(len(faults), 'fault')}", *faults])
    images, clicked = count(len(opened.image_ids()), "image"), len(opened.clicks_stamps())
    warnings = count(len(findings.warnings), "warning")
    print(f"{project}: {images}, {clicked} with clicks; no faults, {warnings}")
