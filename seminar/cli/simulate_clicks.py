"""`seminar simulate-clicks`: clicks from dense masks."""

from __future__ import annotations

from typing import Annotated

import typer

from seminar.cli.terminal.arguments import (
    LimitOption,
    ProjectArgument,
    ReplaceClicksOption,
    SplitOption,
)
from seminar.cli.terminal.texts import click_summary, last_of


def simulate_clicks(
    project: ProjectArgument,
    split: SplitOption = "train",
    limit: LimitOption = 0,
    seed: Annotated[int, typer.Option(min=0, help="Another number places other clicks")] = 0,
    overwrite: ReplaceClicksOption = False,
    background: Annotated[
        int | None,
        typer.Option(
            help="Clicks on the background of each image, 0 or more; without this as many as on "
            "its objects",
            show_default=False,
        ),
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            help="Share of the objects of each image to click, chosen at random; at least one is"
        ),
    ] = 1.0,
    wrong: Annotated[
        float,
        typer.Option(
            help="Share of all clicks to make wrong: half have another class, half are a few "
            "pixels beside their object"
        ),
    ] = 0.0,
    spread: Annotated[
        bool, typer.Option("--spread", help="Click anywhere in an object, not near its middle")
    ] = False,
) -> None:
    """Place clicks from dense masks.

    Each object gets one near its middle; the background gets as many as there are objects. The
    last four options click as people do: fewer, wrong and scattered clicks.
    """
    from seminar.clicks.simulate import ClickStyle
    from seminar.project.project import Project
    from seminar.project.simulate_clicks import simulate_for_project

    style = ClickStyle(background, share, wrong, spread)
    opened = Project.open(project)
    states = simulate_for_project(
        opened, split=split, limit=limit, seed=seed, overwrite=overwrite, style=style
    )
    done = last_of(states, "placing clicks")
    print(click_summary(opened, done, done.skipped if done else 0, "without dense truth skipped"))
