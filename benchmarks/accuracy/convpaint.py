"""napari-convpaint on the same clicks, which needs an environment of its own that has Seminar, too:

pip install napari-convpaint==1.2.0 six
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seminar.io.label_png import write_label_png
from seminar.project.project import Project
from seminar.project.splits import training_ids


def convpaint_masks(path: Path, folder: Path, *, limit: int) -> None:
    """Masks of the val images by its Gaussian features, which need no download, and its default
    settings.
    """
    project = Project.open(path)
    images, annotations = [], []
    for image_id in training_ids(project, "train", limit):
        images.append(_channels_first(project, image_id))
        annotations.append(_annotations(project, image_id))
    model = _model(images[0], alias="gaussian")
    model.train(images, annotations)
    for image_id in project.split("val") or ():
        labels = np.asarray(model.segment(_channels_first(project, image_id))) - 1
        write_label_png(
            folder / f"{image_id}.png", labels.astype(np.uint8), project.classes, durable=False
        )


def seconds_of_a_click(path: Path, image_id: str, repeats: int = 5) -> float:
    """Median time to train on the clicks of one image and segment it, with its default, VGG16.

    The weights are random: they cannot be had offline, and the time does not depend on them.
    """
    import torch
    from torchvision.models import vgg16

    project = Project.open(path)
    image, annotations = _channels_first(project, image_id), _annotations(project, image_id)
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home  # where it looks for the file that it would download
        file = Path(home, ".cache/torch/hub/checkpoints/vgg16-397923af.pth")
        file.parent.mkdir(parents=True)
        torch.save(vgg16(weights=None).state_dict(), file)
        model = _model(image, alias="vgg")
    seconds = []
    for _ in range(repeats):
        start = time.monotonic()
        model.train(image, annotations)
        model.segment(image)
        seconds.append(time.monotonic() - start)
    return float(np.median(seconds))


def _model(image: npt.NDArray[Any], alias: str) -> Any:
    from napari_convpaint.convpaint_model import ConvpaintModel

    model = ConvpaintModel(alias=alias)
    model.set_param("channel_mode", "rgb" if image.ndim == 3 else "single")
    return model


def _channels_first(project: Project, image_id: str) -> npt.NDArray[Any]:
    """(3, H, W), or (H, W) where there is one channel."""
    image = project.read_image(image_id)
    return image[..., 0] if image.shape[-1] == 1 else np.moveaxis(image[..., :3], -1, 0)


def _annotations(project: Project, image_id: str) -> npt.NDArray[np.uint8]:
    """(H, W): 0 for unlabelled pixels, class id + 1 at the clicks."""
    clicks = project.read_clicks(image_id)
    assert clicks is not None  # simulated
    sparse = clicks.rasterize()
    return np.where(sparse == 255, 0, sparse + 1).astype(np.uint8)
