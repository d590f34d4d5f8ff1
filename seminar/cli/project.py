"""seminar new, check, simulate-clicks, import-clicks: a project and its clicks."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track

from seminar.cli.app import app
from seminar.errors import DatasetError
from seminar.io.tif import Pages
from seminar.labels import ClassNames
from seminar.project.check.project import inspect_project
from seminar.project.create import create_project
from seminar.project.layout import read_split
from seminar.project.project import Project

if TYPE_CHECKING:
    from seminar.project.new_clicks import NewClicks

ProjectArgument = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="The project folder.", show_default=False)
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace clicks that images have already.")
]


class PagesChoice(StrEnum):
    """What the pages of a tif are."""

    auto = "auto"
    planes = "planes"
    channels = "channels"


class ClicksFormat(StrEnum):
    """Formats of clicks that are read."""

    whats_the_point = "whats-the-point"


@app.command()
def new(
    project: ProjectArgument,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES", help="Image files, folders or patterns.", show_default=False
        ),
    ],
    classes: Annotated[
        str,
        typer.Option(
            help=(
                "Names of the classes, the background first: background,nucleus; or a classes.txt."
            ),
            show_default=False,
        ),
    ],
    pages: Annotated[
        PagesChoice,
        typer.Option(help="Pages of a tif: as the file says, each an image, or channels."),
    ] = PagesChoice.auto,
) -> None:
    """Make a project from copies of images."""
    names = _class_names(classes)
    meaning: Pages = pages.value
    ids = create_project(project, images, names, pages=meaning)
    print(
        f"{project}: {_count(len(ids), 'image')}, {names.num_classes} classes"
        f" ({', '.join(names.names)})"
    )


@app.command()
def check(
    project: ProjectArgument,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Decode every image; slower, finds damage in the middle of files."
        ),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for faults.")] = False,
) -> None:
    """Tell everything that is wrong with a project: faults stop training, warnings do not."""
    opened = Project.open(project)
    findings = inspect_project(opened, deep=deep)
    opened.mend_masks(opened.clicks_stamps())
    for warning in () if strict else findings.warnings:
        print(f"warning: {warning}")
    if faults := findings.faults + (findings.warnings if strict else ()):
        raise DatasetError([f"{project}: {_count(len(faults), 'fault')}", *faults])
    clicked = len(opened.clicks_stamps())
    print(
        f"{project}: {_count(len(opened.image_ids()), 'image')}, {clicked} with clicks; no faults,"
        f" {_count(len(findings.warnings), 'warning')}"
    )


@app.command("simulate-clicks")
def simulate_clicks(
    project: ProjectArgument,
    split: Annotated[
        str,
        typer.Option(
            help="Images of ImageSets/Segmentation/<split>.txt; without train.txt all images."
        ),
    ] = "train",
    limit: Annotated[
        int, typer.Option(min=0, help="The first so many images of the split; 0 takes all.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Other clicks for another number.")] = 0,
    overwrite: OverwriteOption = False,
) -> None:
    """Place clicks from dense masks as a person would: one near the middle of each object, as
    many on the background.
    """
    from seminar.project.simulate_clicks import simulate_for_project

    opened = Project.open(project)
    done = _last(
        simulate_for_project(opened, split=split, limit=limit, seed=seed, overwrite=overwrite),
        "placing clicks",
    )
    print(_summary(opened, done, "without dense truth skipped"))


@app.command("import-clicks")
def import_clicks(
    project: ProjectArgument,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Files with clicks, foreground and background.", show_default=False
        ),
    ],
    format: Annotated[
        ClicksFormat, typer.Option("--format", help="Format of the files.")
    ] = ClicksFormat.whats_the_point,
    split_list: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Take only the image ids of this file, one a line.",
            show_default=False,
        ),
    ] = None,
    max_rank: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Of each class in an image only the first so many clicks.",
            show_default=False,
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Take over clicks that others have made; tells what the files hold and what went into the
    project.
    """
    from seminar.clicks.readers.whats_the_point import LONGEST_SIDE, read_human_clicks
    from seminar.project.import_clicks import import_into_project, import_statistics

    opened = Project.open(project)
    human_clicks = read_human_clicks(files, max_rank=max_rank)
    listed = None
    if split_list is not None:
        lines = read_split(split_list)
        if lines is None:
            raise DatasetError([f"{split_list}: no such file; check the name"])
        listed = [image_id for _, image_id in lines]
        human_clicks = {
            image_id: human_clicks[image_id]
            for image_id in dict.fromkeys(listed)
            if image_id in human_clicks
        }
    found = import_statistics(opened, human_clicks, listed)
    print(
        f"{_count(found.images, 'image')} of {found.listed:,}"
        f" {'in the files' if listed is None else f'in {split_list}'}: {found.foreground:,}"
        f" foreground clicks, {found.background:,} background clicks"
    )
    print(
        f"out of range and dropped: {found.background_outside:,} background,"
        f" {found.foreground_outside:,} foreground (on images that are not here: beyond"
        f" {LONGEST_SIDE} pixels)"
    )
    done = _last(import_into_project(opened, human_clicks, overwrite=overwrite), "writing clicks")
    print(_summary(opened, done, "not in the project skipped", len(human_clicks)))


def _class_names(text: str) -> ClassNames:
    path = Path(text)
    if path.suffix == ".txt":
        try:
            return ClassNames.parse(path.read_text(encoding="utf-8-sig"), str(path))
        except FileNotFoundError:
            raise DatasetError(
                [
                    f"{path}: no such file; name it rightly, or write the classes' names with"
                    " commas between"
                ]
            ) from None
        except UnicodeDecodeError:
            raise DatasetError([f"{path}: not UTF-8 text; save it as UTF-8"]) from None
    return ClassNames.parse("\n".join(text.split(",")), "--classes")


def _last(states: Iterator[NewClicks], what: str) -> NewClicks | None:
    """Go through all states, with a progress line on terminals, and return the last one."""
    console = Console(file=sys.stderr)
    shown: Iterable[NewClicks] = (
        track(states, what, console=console, transient=True) if console.is_terminal else states
    )
    return next(iter(deque(shown, maxlen=1)), None)


def _summary(
    project: Project, done: NewClicks | None, why_skipped: str, all_skipped: int = 0
) -> str:
    per_class, images, skipped = (
        (done.per_class, done.images, done.skipped) if done else (Counter[int](), 0, all_skipped)
    )
    counts = ", ".join(
        f"{name} {per_class[class_id]:,}"
        for class_id, name in enumerate(project.classes.names)
        if per_class[class_id]
    )
    said = (
        f"{project.path}: {_count(sum(per_class.values()), 'click')} on {_count(images, 'image')}"
    )
    return (
        said
        + (f" ({counts})" if counts else "")
        + (f"; {_count(skipped, 'image')} {why_skipped}" if skipped else "")
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
