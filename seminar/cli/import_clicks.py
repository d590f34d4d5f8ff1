"""`seminar import-clicks`: clicks that people made in other programs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from seminar.cli.terminal.arguments import ProjectArgument
from seminar.cli.terminal.texts import last_of
from seminar.clicks.readers.format_table import READERS, format_of
from seminar.clicks.readers.found_clicks import Answers, Origin, Reading, Unanswered
from seminar.clicks.readers.source import Source
from seminar.errors import DatasetError, SeminarError

AUTO, WHATS_THE_POINT = "auto", "whats-the-point"

OPTIONS = {
    "pixel_size": "--pixel-size",
    "origin": "--origin",
    "classes_from": "--classes-from",
    "channels": "--channels",
    "slices": "--slices",
    "image": "--image, or --by-frame",
    "label": "--class",
}
"""The option that answers each question of `seminar.clicks.readers.found_clicks.Question`."""


def import_clicks(
    project: ProjectArgument,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Files with clicks", show_default=False),
    ],
    format: Annotated[
        str, typer.Option("--format", help=f"auto, or one of {', '.join(READERS)}")
    ] = AUTO,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would come in to each image; write nothing"),
    ] = False,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="THEIRS=OURS",
            help="What the files call a class (* and ? allowed), and the class of the project; "
            "nothing after = leaves these clicks out. May be given several times",
            show_default=False,
        ),
    ] = None,
    add_classes: Annotated[
        bool, typer.Option("--add-classes", help="Add classes that the project does not have")
    ] = False,
    class_: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="Class of clicks for which the files name none",
            show_default=False,
        ),
    ] = None,
    classes_from: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="ImageJ selections: name, counter or group; napari: a column; VIA: an attribute",
            show_default=False,
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Image or stack of the project to which the clicks belong",
            show_default=False,
        ),
    ] = None,
    by_frame: Annotated[
        bool,
        typer.Option("--by-frame", help="Frame n of the files is the project's nth image, from 0"),
    ] = False,
    pixel_size: Annotated[
        float | None,
        typer.Option(
            help="ImageJ results: side of a pixel in the unit of the table, 1 without a scale",
            show_default=False,
        ),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            help="ImageJ selections: counted from the centre (ImageJ) or the edge (QuPath) of the "
            "first pixel",
            show_default=False,
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(min=1, help="ImageJ stacks: channels, 1 for RGB", show_default=False),
    ] = None,
    slices: Annotated[
        int | None, typer.Option(min=1, help="Stacks over time: slices a frame", show_default=False)
    ] = None,
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
            help="What's the Point: use only the first clicks on each class in an image, at most "
            "this many",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace the clicks of these images; else both stay"),
    ] = False,
) -> None:
    """Import clicks made in other programs.

    Clicks that are there stay; a click on the same pixel is not taken twice. docs/clicks.md says
    what the formats mean and what is lost.
    """
    from seminar.cli.terminal import import_report as report
    from seminar.project.import_clicks import write_import
    from seminar.project.import_plan.match_images import ImageMatch
    from seminar.project.import_plan.match_labels import LabelRules
    from seminar.project.import_plan.plan_import import plan_import
    from seminar.project.project import Project

    rules = LabelRules(_mapping(map_ or []), class_, add_classes)
    answers = Answers(pixel_size, _origin(origin), classes_from, channels, slices, max_rank)
    if pixel_size is not None and not 0 < pixel_size < float("inf"):
        raise SeminarError(f"--pixel-size {pixel_size}: expected a number above 0")
    opened = Project.open(project)
    try:
        readings, formats = _read(files, format, answers)
        listed = None if split_list is None else _keep_listed(readings, split_list)
        plan = plan_import(
            opened,
            readings,
            match=ImageMatch(opened.image_ids(), image=image, by_frame=by_frame),
            rules=rules,
            answers=answers,
            overwrite=overwrite,
        )
    except Unanswered as question:
        raise DatasetError(f"{question}: {OPTIONS[question.question]}") from None
    is_voc = formats == {WHATS_THE_POINT}
    if is_voc:
        report.print_statistics(opened, list(readings.values()), split_list, listed)
    if dry_run:
        report.print_plan(opened, plan)
        return
    if plan.unknown_labels:
        raise DatasetError(
            f"{report.unknown_classes(opened, plan)}; add --add-classes, or say which they are "
            "with --map THEIRS=OURS; nothing was imported"
        )
    if not plan.images and not is_voc:
        raise DatasetError(report.no_image(opened, plan))
    with closing(write_import(opened, plan)) as states:  # interrupted, it takes all back
        done = last_of(states, "writing clicks", len(plan.images))
    report.print_done(opened, plan, done, with_outside=not is_voc)


def _origin(origin: str | None) -> Origin | None:
    match origin:
        case None | "centre" | "edge":
            return origin
        case _:
            raise SeminarError(f"--origin {origin}: expected centre (ImageJ) or edge (QuPath)")


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        theirs, equals, ours = pair.rpartition("=")
        if not equals or not theirs:
            raise SeminarError(
                f"--map {pair}: expected what the files call the class, =, and the class of the "
                "project, such as --map 'Tumor=nucleus'"
            )
        mapping[theirs] = ours.strip()
    return mapping


def _read(files: list[Path], format: str, answers: Answers) -> tuple[dict[Path, Reading], set[str]]:
    """What the files hold, and their formats; the faults of all of them at once."""
    if format != AUTO and format not in READERS:
        raise SeminarError(f"--format {format}: expected {AUTO} or one of {', '.join(READERS)}")
    readings, formats = {}, set()
    faults: list[str] = []
    for path in files:
        source = Source(path)
        try:
            name = format_of(source) if format == AUTO else format
            readings[path] = READERS[name].read(source, answers)
            formats.add(name)
        except Unanswered:
            raise
        except DatasetError as error:
            faults += error.faults
    if faults:
        raise DatasetError(faults)
    return readings, formats


def _keep_listed(readings: dict[Path, Reading], path: Path) -> list[str]:
    """Keep the clicks on images in the list; returns the list."""
    from seminar.project.layout import read_split

    lines = read_split(path)
    if lines is None:
        raise DatasetError(f"{path}: no such file; check the name")
    listed = dict.fromkeys(image_id for _, image_id in lines)
    for file, reading in readings.items():
        readings[file] = replace(
            reading,
            clicks=[click for click in reading.clicks if click.image in listed],
            images=[name for name in reading.images if name in listed],
        )
    return list(listed)
