"""seminar propagate: clicks spread over superpixels into pseudo-labels, as ScribbleSup does with
scribbles.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from seminar.cli.app import app
from seminar.errors import SeminarError


@app.command()
def propagate(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="The project folder.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the label PNGs, for seminar train --pseudo-labels.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN_OR_MODEL",
            help="A network trained on an earlier propagation, whose probabilities count, too.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            help="Images of ImageSets/Segmentation/<split>.txt; without train.txt all images."
        ),
    ] = "train",
    limit: Annotated[
        int, typer.Option(min=0, help="The first so many images of the split; 0 takes all.")
    ] = 0,
    superpixel_size: Annotated[
        float, typer.Option(min=2, help="Side of a superpixel in pixels.")
    ] = 5.0,
    sigma: Annotated[
        float,
        typer.Option(
            min=0.1,
            help="Difference of colour at which neighbours still belong together (Lab, 0-100).",
        ),
    ] = 5.0,
    confidence: Annotated[
        float,
        typer.Option(min=0, max=0.999, help="Less sure than this is 255 and counts for nothing."),
    ] = 0.7,
    prior_weight: Annotated[
        float, typer.Option(min=0, help="How much the network of --model counts.")
    ] = 0.1,
    device: Annotated[
        str, typer.Option(help="Where the network of --model runs: auto, cpu, cuda, cuda:1, mps")
    ] = "auto",
) -> None:
    """Spread the clicks of PROJECT over superpixels: label PNGs with 255 where the class is
    unsure, for `train --pseudo-labels`.
    """
    from seminar.config.settings import TrainConfig
    from seminar.data.superpixels import Spreading, propagate_project
    from seminar.inference.outputs import check_output_folder
    from seminar.project.project import Project
    from seminar.project.splits import training_ids

    opened = Project.open(project)
    check_output_folder(out, [opened.image_path(image_id) for image_id in opened.image_ids()])
    predictor = None
    if model is not None:
        from seminar.inference.predictor import Predictor

        predictor = Predictor.from_folder(model, device)
        if predictor.classes.names != opened.classes.names:
            raise SeminarError(
                f"--model {model}: it knows the classes {', '.join(predictor.classes.names)},"
                f" {project} has {', '.join(opened.classes.names)}; give a network that was trained"
                " on this project"
            )
    states = propagate_project(
        opened,
        out,
        split=split,
        limit=limit,
        stretch=predictor.stretch if predictor else TrainConfig().stretch,
        spreading=Spreading(superpixel_size, sigma, confidence, prior_weight),
        network=predictor.predict_probs if predictor else None,
    )
    console = Console(stderr=True)
    total = len(training_ids(opened, split, limit))
    *_, done = track(
        states, "spreading clicks", total=total, console=console, disable=not console.is_terminal
    )
    skipped = f"; {done.skipped} without clicks skipped" if done.skipped else ""
    print(
        f"{out}: {done.images} label maps, {done.labelled:.0%} of their pixels have a"
        f" class{skipped}"
    )
