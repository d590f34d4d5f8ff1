"""`seminar demo`: the whole job on sample data, offline and without a display."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seminar.config.presets import VERSION_0_1

DEMO_SETTINGS: dict[str, Any] = {
    **VERSION_0_1,
    "keep_best": True,
    "crf_ramp": 0.2,
    "backbone": "mobilenet_v2",
    "weights": "none",
    "crop_size": 96,
    "batch_size": 8,
    "scale_range": (0.8, 1.25),
    "iterations": 160,
    "base_lr": 1e-3,
    "head_lr_factor": 1.0,
    "lambda_crf": 3.0,
}
"""No pretrained weights, so that the demo works offline: a network that starts at random and is
trained as in version 0.1. Crops are small as the sample is; zoom is small because its fields are
parts of one picture."""


def demo(
    out: Annotated[
        Path, typer.Option("--out", help="Where the project folder and the picture go")
    ] = Path("seminar-demo"),
) -> None:
    """Train on sample data and draw a picture.

    Makes a project, trains both stages on its clicks and scores them, in under three minutes on a
    laptop.
    """
    from seminar.cli.terminal.run_progress import show
    from seminar.config.settings import preset
    from seminar.inference.evaluate import evaluate
    from seminar.inference.predictor import Predictor
    from seminar.project.sample.create import create_sample_project
    from seminar.project.sample.picture import draw_demo_picture
    from seminar.run.folder import RunFolder
    from seminar.training.recording import record
    from seminar.training.trainer import train

    project = create_sample_project(out)
    run = RunFolder.of(project.path, "demo")
    clicked = {image_id: project.read_clicks(image_id) for image_id in project.image_ids()}
    shown, clicks = max(
        ((image_id, clicks) for image_id, clicks in clicked.items() if clicks),
        key=lambda entry: len(set(entry[1].class_ids)),
    )  # the first one with the most classes
    run.request_preview(shown)
    show(record(run, train(project, run, preset("quick").replace(**DEMO_SETTINGS))))

    for title, path in (
        ("stage 1 (ancillary)", run.student_path("ancillary")),
        ("stage 2 (primary)", run.student_path("primary")),
        ("the best, model.pt", run.model_path),
    ):
        scores = evaluate(Predictor.from_folder(path), project)
        print(
            f"{title}: mean IoU {scores.mean_iou:.1%} on {scores.images} fields that were not "
            "clicked"
        )

    panels = {
        name: run.read_preview(shown, name) for name in ("student", "teacher", "pseudo_label")
    }
    panels["truth"] = project.read_truth(shown)
    picture = project.path / "demo.png"
    labels = {name.replace("_", "-"): panel for name, panel in panels.items() if panel is not None}
    draw_demo_picture(project.read_image(shown), clicks, labels, project.classes, picture)
    print(f"picture: {picture}\nopen the project: seminar-napari {project.path}")
