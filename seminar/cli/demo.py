"""`seminar demo`: the whole job on sample data, offline and without a display."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seminar.errors import CheckpointError

if TYPE_CHECKING:
    from seminar.config.settings import TrainConfig


def demo(
    out: Annotated[
        Path, typer.Option("--out", help="Where the project folder and the picture go")
    ] = Path("seminar-demo"),
) -> None:
    """Train on sample data and draw a picture.

    Makes a project, fits the probe, trains both stages on its clicks and scores them, in about two
    minutes on a laptop. Where weights of the network can neither be found nor downloaded, the probe
    has filters alone.
    """
    import numpy as np

    from seminar.cli.terminal.run_progress import show
    from seminar.inference.evaluate import evaluate
    from seminar.inference.predictor import Predictor
    from seminar.io.intensities import to_float
    from seminar.project.sample.create import create_sample_project
    from seminar.project.sample.picture import draw_demo_picture
    from seminar.run.folder import RunFolder
    from seminar.training.recording import record
    from seminar.training.trainer import train

    project = create_sample_project(out)
    run = RunFolder.of(project.path, "demo")
    shown, clicks = next(
        (image_id, clicks)
        for image_id in project.image_ids()
        if (clicks := project.read_clicks(image_id))
    )
    run.request_preview(shown)
    settings = demo_settings()
    show(record(run, train(project, run, settings)))

    for title, path in (
        ("stage 1 (ancillary)", run.student_path("ancillary")),
        ("stage 2 (primary)", run.student_path("primary")),
        ("the best, model.pt", run.model_path),
    ):
        scores = evaluate(Predictor.from_folder(path), project)
        print(
            f"{title}: mean IoU {scores.mean_iou:.1%} on {scores.images} images that were not "
            "clicked"
        )

    panels = {
        name: run.read_preview(shown, name) for name in ("student", "teacher", "pseudo_label")
    }
    panels["truth"] = project.read_truth(shown)
    picture = project.path / "demo.png"
    labels = {name.replace("_", "-"): panel for name, panel in panels.items() if panel is not None}
    image = to_float(project.read_image(shown), stretch=settings.stretch).round().astype(np.uint8)
    draw_demo_picture(np.moveaxis(image, 0, -1), clicks, labels, project.classes, picture)
    print(f"picture: {picture}\nopen the project: seminar-napari {project.path}")


def demo_settings() -> TrainConfig:
    """The default settings, with pretrained weights where there are some; offline a sentence."""
    from seminar.config.settings import preset
    from seminar.models.backbones.pyramid import build_pyramid

    settings = preset("balanced")
    try:
        build_pyramid("efficientnet_lite0", weights=settings.weights, channels=1)
    except CheckpointError as error:
        print(f"{error}; the demo goes on without")
        return settings.replace(backbone="none", iterations=30)
    return settings
