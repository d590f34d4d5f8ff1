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
) -> None:
    """Place clicks from dense masks.

    Each object gets one near its middle; the background gets as many as there are objects.
    """
    from seminar.project.project import Project
    from seminar.project.simulate_clicks import simulate_for_project

    opened = Project.open(project)
    states = simulate_for_project(opened, split=split, limit=limit, seed=seed, overwrite=overwrite)
    done = last_of(states, "placing clicks")
    print(click_summary(opened, done, done.skipped if done else 0, "without dense truth skipped"))
