"""`seminar propagate`: clicks spread over superpixels, as ScribbleSup does with scribbles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seminar.cli.terminal.arguments import DeviceOption, LimitOption, ProjectArgument, SplitOption
from seminar.cli.terminal.texts import last_of
from seminar.errors import SeminarError


def propagate(
    project: ProjectArgument,
    out: Annotated[
        Path, typer.Option(help="Folder for the label PNGs, for seminar train --pseudo-labels")
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN_OR_MODEL",
            help="Network trained on an earlier propagation, whose probabilities are also used",
            show_default=False,
        ),
    ] = None,
    split: SplitOption = "train",
    limit: LimitOption = 0,
    superpixel_size: Annotated[
        float, typer.Option(min=2, help="Side of a superpixel in pixels")
    ] = 5.0,
    sigma: Annotated[
        float,
        typer.Option(
            min=0.1,
            help="Colour difference at which neighbours still belong together (Lab, 0-100)",
        ),
    ] = 5.0,
    confidence: Annotated[
        float,
        typer.Option(
            min=0, max=0.999, help="Pixels with a lower probability become 255 and are ignored"
        ),
    ] = 0.7,
    prior_weight: Annotated[
        float, typer.Option(min=0, help="Weight of the network of --model")
    ] = 0.1,
    device: DeviceOption = "auto",
) -> None:
    """Spread clicks over superpixels into label PNGs.

    Pixels are 255 where the class is unsure. `seminar train --pseudo-labels` reads the folder.
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
                f"--model {model}: it knows the classes {', '.join(predictor.classes.names)}, "
                f"{project} has {', '.join(opened.classes.names)}; give a network that was trained "
                "on this project"
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
    total = len(training_ids(opened, split, limit))
    done = last_of(states, "spreading clicks", total)
    assert done is not None  # a project has images
    skipped = f"; {done.skipped} without clicks skipped" if done.skipped else ""
    share = f"{done.labelled:.0%} of their pixels have a class"
    print(f"{out}: {done.images} label maps, {share}{skipped}")
