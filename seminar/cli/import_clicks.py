"""`seminar import-clicks`: clicks that people made in other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from seminar.cli.terminal.arguments import ProjectArgument, ReplaceClicksOption
from seminar.cli.terminal.texts import click_summary, count, last_of
from seminar.errors import DatasetError


class ClicksFormat(StrEnum):
    """Formats of clicks that are read."""

    whats_the_point = "whats-the-point"


def import_clicks(
    project: ProjectArgument,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Files with clicks, foreground and background", show_default=False
        ),
    ],
    format: Annotated[
        ClicksFormat, typer.Option("--format", help="Format of the files")
    ] = ClicksFormat.whats_the_point,
    split_list: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Use only the image ids in this file, one a line",
            show_default=False,
        ),
    ] = None,
    max_rank: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Use only the first clicks on each class in an image, at most this many",
            show_default=False,
        ),
    ] = None,
    overwrite: ReplaceClicksOption = False,
) -> None:
    """Import clicks made in other programs.

    Reports what the files hold and what was imported.
    """
    from seminar.clicks.readers.whats_the_point import LONGEST_SIDE, read_human_clicks
    from seminar.project.import_clicks import import_into_project, import_statistics
    from seminar.project.project import Project

    opened = Project.open(project)
    human_clicks = read_human_clicks(files, max_rank=max_rank)
    listed = None if split_list is None else _listed_ids(split_list)
    if listed is not None:
        known = [image_id for image_id in dict.fromkeys(listed) if image_id in human_clicks]
        human_clicks = {image_id: human_clicks[image_id] for image_id in known}
    found = import_statistics(opened, human_clicks, listed)
    where = "the files" if split_list is None else str(split_list)
    print(
        f"{count(found.images, 'image')} of {found.listed:,} in {where}: {found.foreground:,} "
        f"foreground clicks, {found.background:,} background clicks"
    )
    print(
        f"out of range and dropped: {found.background_outside:,} background, "
        f"{found.foreground_outside:,} foreground (on images that are not here: beyond "
        f"{LONGEST_SIDE} pixels)"
    )
    done = last_of(import_into_project(opened, human_clicks, overwrite=overwrite), "writing clicks")
    skipped = done.skipped if done else len(human_clicks)
    print(click_summary(opened, done, skipped, "not in the project skipped"))


def _listed_ids(path: Path) -> list[str]:
    from seminar.project.layout import read_split

    lines = read_split(path)
    if lines is None:
        raise DatasetError(f"{path}: no such file; check the name")
    return [image_id for _, image_id in lines]
