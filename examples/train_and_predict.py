"""Train on the sample project and predict one of its images: the library in a notebook.

python examples/train_and_predict.py FOLDER [ITERATIONS]
"""

import sys
from pathlib import Path

import seminar
from seminar.project.sample.create import create_sample_project

folder = Path(sys.argv[1])
iterations = int(sys.argv[2]) if len(sys.argv) > 2 else 100

project = create_sample_project(folder / "project")
config = seminar.preset("quick").replace(backbone="none", iterations=iterations)
run = seminar.RunFolder.of(project.path, "example")
for event in seminar.record(run, seminar.train(project, run, config)):
    if type(event).__name__ == "Validated":
        print(f"{event.stage}, iteration {event.iteration}: mean IoU {100 * event.mean_iou:.1f} %")

predictor = seminar.Predictor.from_folder(run.path)
labels = predictor.predict(project.read_image(project.image_ids()[0]))  # (H, W) uint8 class ids
print(f"{(labels > 0).mean():.0%} of the first image is {project.classes.names[1]}")
