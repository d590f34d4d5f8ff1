"""`seminar probe`: a linear probe on frozen features, fitted to the clicks in under a second."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from seminar.cli.terminal.arguments import DeviceOption, LimitOption, ProjectArgument, SplitOption


def probe(
    project: ProjectArgument,
    backbone: Annotated[
        str, typer.Option(help="Frozen network that gives the features; none: filters alone")
    ] = "efficientnet_lite0",
    weights: Annotated[
        str, typer.Option(help="Its weights: imagenet (downloaded once), none, or a file")
    ] = "imagenet",
    split: SplitOption = "train",
    limit: LimitOption = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the model [default: PROJECT/runs/probe]")
    ] = None,
    channels: Annotated[
        str, typer.Option(help="Channels to use, from 0, such as 0,2; empty takes all")
    ] = "",
    store: Annotated[
        float, typer.Option(min=0, help="Gigabytes of features kept on disk; 0 keeps none")
    ] = 4.0,
    device: DeviceOption = "cpu",
    follow: Annotated[
        bool, typer.Option("--follow", help="Stay, and answer each click with a mask")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else")] = False,
) -> None:
    """Fit a linear probe to the clicks of PROJECT: a model in seconds, without training.

    predict, evaluate and export take it. With --follow it answers clicks: JSON lines in and out.
    """
    # before numpy and torch are loaded: threads that wait for each other are slower than one
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 2) - 1)))
    from seminar.cli.terminal.setting_options import parsed
    from seminar.config.probe_settings import ProbeConfig
    from seminar.project.project import Project

    config = ProbeConfig(
        backbone=backbone,
        weights=weights,
        channels=parsed("channels", channels, tuple[int, ...]),
    )
    opened, disk_bytes = Project.open(project), int(store * 1e9)
    if follow:
        from seminar.probe.talk import follow as answer

        answer(opened, config, split=split, disk_bytes=disk_bytes, device=device)
        return
    from seminar.cli.terminal.probe_report import report
    from seminar.probe.once import fit_project
    from seminar.probe.probe import Probe
    from seminar.probe.store import FeatureStore
    from seminar.runtime.devices import pick_device

    kept = FeatureStore(disk_bytes=disk_bytes)
    made = Probe(opened, config, store=kept, device=pick_device(device))
    report(fit_project(made, split=split, limit=limit, out=out), as_json=json)
