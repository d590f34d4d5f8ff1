"""`seminar measure`: a table of all objects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seminar.cli.terminal.arguments import DeviceOption, MinAreaOption
from seminar.cli.terminal.texts import count, progress_bar
from seminar.errors import SeminarError


def measure(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_OR_INSTANCES",
            help="Folder of a run, a model.pt, or a folder of <image_id>_instances.tif",
        ),
    ],
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="Project folder")],
    out: Annotated[Path, typer.Option(help="The table, a .csv")],
    min_area: MinAreaOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Measure each object: area, diameter, place, intensities; in micrometres, too, where the image
    says how large its pixels are.
    """
    from rich.console import Console

    from seminar.inference.instances.csv_file import write_table
    from seminar.inference.instances.files import holds_instances
    from seminar.inference.instances.learnt_rules import learn_rules
    from seminar.inference.instances.table import measure_project
    from seminar.inference.predictor import Predictor
    from seminar.project.project import Project

    if out.is_dir():
        raise SeminarError(
            f"--out {out}: expected a file, this is a folder; give a name like a.csv"
        )
    if not source.exists():
        raise SeminarError(
            f"{source}: no such file or folder; give the folder of a run, a model.pt, or a folder "
            "of instances"
        )
    opened = Project.open(project)
    with progress_bar("Measuring") as progress:
        if source.is_dir() and holds_instances(source):
            measured = measure_project(source, opened, progress=progress)
        else:
            predictor = Predictor.from_folder(source, device)
            rules = learn_rules(source, predictor.predict).with_min_area(min_area)
            measured = measure_project(predictor, opened, rules=rules, progress=progress)
    write_table(out, measured)
    objects = sum(len(columns["object"]) for columns in measured.values())
    Console(stderr=True).print(
        f"{count(objects, 'object')} of {count(len(measured), 'image')} in {out}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
