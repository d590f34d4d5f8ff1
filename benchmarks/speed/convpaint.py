"""napari-convpaint on the same clicks: its masks, and its time from one more click to the mask.

    pip install --target peers napari-convpaint==1.2.0
    PYTHONPATH=peers python benchmarks/speed/convpaint.py PROJECT --limit 20 [--side 512]

PROJECT is a copy of a data set with clicks, as `benchmarks/accuracy` leaves in its folder. Masks
are made from its Gaussian features, which need no download, and scored on the val split. The time
is that of its default, VGG16, with random weights, on a field of `--side` pixels that is cut from
the first image and its repetitions: features, forest and mask of the one image, as its *Train* and
*Segment* do; before it, the same is done once without being counted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seminar.clicks.click_set import pixels
from seminar.inference.metrics import score
from seminar.io.intensities import to_float
from seminar.project.project import Project
from seminar.project.splits import training_ids

TURNS = 5


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("project", type=Path)
    arguments.add_argument("--limit", type=int, default=20)
    arguments.add_argument("--side", type=int, default=512)
    options = arguments.parse_args()
    import torchvision
    from napari_convpaint.convpaint_model import ConvpaintModel

    vgg16 = torchvision.models.vgg16
    torchvision.models.vgg16 = lambda *_, **__: vgg16(weights=None)
    project = Project.open(options.project)
    ids = training_ids(project, "train", options.limit)
    images = [_image(project, image_id) for image_id in ids]
    marks = [_marks(project, image_id) for image_id in ids]
    model: Any = ConvpaintModel("gaussian")
    start = time.perf_counter()
    model.train(images, marks)
    print(f"Gaussian features: {time.perf_counter() - start:.1f} s of training", flush=True)
    pairs = []
    for image_id in project.split("val") or ():
        truth = project.read_truth(image_id)
        assert truth is not None
        labels = np.asarray(model.segment(_image(project, image_id))) - 1
        pairs.append((truth, labels.astype(np.uint8)))
    print(score(pairs, project.classes).to_json(), flush=True)
    side = options.side
    field = np.concatenate([images[0]] * (side // images[0].shape[1] + 1), axis=1)
    field = np.concatenate([field] * (side // field.shape[2] + 1), axis=2)[:, :side, :side]
    marked = np.zeros((side, side), dtype=np.uint8)
    height, width = (min(side, length) for length in marks[0].shape)
    marked[:height, :width] = marks[0][:height, :width]
    default: Any = ConvpaintModel()
    times = []
    for turn in range(TURNS + 1):
        marked[turn, turn] = 1
        start = time.perf_counter()
        default.train(field, marked)
        default.segment(field)
        times.append(time.perf_counter() - start)
    print(f"one more click, {side} px, median of {TURNS}: {statistics.median(times[1:]):.2f} s")


def _image(project: Project, image_id: str) -> npt.NDArray[np.float32]:
    """(C, H, W), stretched as ours."""
    image: npt.NDArray[np.float32] = to_float(
        project.read_image(image_id), channels=(), stretch=(0.1, 99.9)
    )
    return image[:3]


def _marks(project: Project, image_id: str) -> npt.NDArray[np.uint8]:
    """(H, W): the class + 1 at clicks, else 0."""
    clicks = project.read_clicks(image_id)
    assert clicks is not None
    marks = np.zeros((clicks.height, clicks.width), dtype=np.uint8)
    inside = clicks.inside()
    rows, cols = pixels(clicks.points[inside]).T
    marks[rows, cols] = clicks.class_ids[inside] + 1
    return marks


if __name__ == "__main__":
    main()
